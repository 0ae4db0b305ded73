//! Two methods of a name are fine as long as one of them exists.

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

use kafka_rpc::ServiceClient;

/// A service.
#[kafka_rpc::service]
pub trait Alternatives {
    /// In one build.
    #[cfg(not(any()))]
    #[rpc(timeout = "1s")]
    async fn m(&self, a: u8) -> u8;

    /// In another.
    #[cfg(any())]
    async fn m(&self, a: NoSuchType);
}

#[test]
fn runs() {
    let [method] = AlternativesClient::DESCRIPTOR.methods else {
        panic!("one method");
    };
    assert!(method.timeout.is_some());
}
