//! Supertraits are kept, and asked of implementations alone.

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

/// A service.
#[kafka_rpc::service]
pub trait Strict: Send + Sync + 'static + std::fmt::Debug {
    /// A method.
    async fn m(&self);
}

#[derive(Debug)]
struct Desk;

impl Strict for Desk {
    async fn m(&self) {}
}

#[test]
fn runs() {
    let _ = StrictServer::new(Desk);
}
