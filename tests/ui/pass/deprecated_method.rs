//! A deprecated method warns its callers, and nobody else.

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
pub trait Old {
    /// A method.
    #[deprecated = "use another"]
    async fn old(&self, a: u8) -> u8;
}

/// It still can be called.
#[allow(deprecated)]
pub fn caller(client: &OldClient) {
    drop(client.old(1));
}

#[expect(deprecated)]
/// The client's method warns.
pub fn warned(client: &OldClient) {
    drop(client.old(1));
}
