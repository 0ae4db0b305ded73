//! A crate may forbid unsafe code.

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
#![forbid(unsafe_code)]

/// A service.
#[kafka_rpc::service]
pub trait Safe {
    /// A method.
    async fn m(&self, a: u8) -> Result<u8, String>;
}
