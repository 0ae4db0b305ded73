//! A deprecated service warns those who name its parts, and nobody else.

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
#[deprecated = "use another"]
#[kafka_rpc::service]
pub trait Old {
    /// A method.
    async fn m(&self, a: u8) -> u8;
}

/// Names a part.
#[expect(deprecated)]
pub const fn named(_: &OldClient) {}
