//! A reason why a call must be used is kept; without one nothing changes.

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
pub trait Reasons {
    /// With a reason.
    #[must_use = "the number is taken"]
    async fn next(&self) -> u64;

    /// Without one.
    #[must_use]
    async fn peek(&self) -> u64;
}

/// Calls are used.
pub async fn used(client: &ReasonsClient) -> Option<u64> {
    let next = client.next().await.ok()?;
    let peeked = client.peek().await.ok()?;
    Some(next + peeked)
}
