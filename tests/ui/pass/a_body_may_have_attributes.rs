//! Attributes that want a body go to the method that has one.

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
pub trait Attributed {
    /// Its body is the trait's.
    #[inline]
    #[cold]
    async fn provided(&self) -> u8 {
        1
    }

    /// Its body is the client's.
    #[inline]
    #[cold]
    #[track_caller]
    async fn declared(&self) -> u8;
}
