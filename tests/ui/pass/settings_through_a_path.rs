//! The attribute of a method may be named by its path.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    single_use_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

use kafka_rpc::{ServiceClient, service};

/// A service.
#[service]
pub trait Paths {
    /// By a path.
    #[kafka_rpc::rpc(name = "by-path")]
    async fn path(&self);

    /// By its name.
    #[rpc(name = "by-name")]
    async fn named(&self);
}

#[test]
fn runs() {
    let names = PathsClient::DESCRIPTOR.methods.iter().map(|it| it.name);
    assert_eq!(names.collect::<Vec<_>>(), ["by-path", "by-name"]);
}
