//! An argument that is compiled out is nowhere, not even its type.

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
pub trait Conditional {
    /// The first, one in the middle and the last may be gone.
    async fn m(
        &self,
        #[cfg(any())] gone: NoSuchType,
        #[cfg(not(any()))] kept: u8,
        #[cfg_attr(not(any()), cfg(any()))] also_gone: NoSuchType,
        plain: u8,
        #[cfg(any())] last: NoSuchType,
    ) -> u8;

    /// All may be.
    async fn none(&self, #[cfg(any())] gone: NoSuchType);

    /// One of two may be.
    async fn either(&self, #[cfg(any())] a: NoSuchType, #[cfg(not(any()))] a: u8);
}

struct Desk;

impl Conditional for Desk {
    async fn m(&self, kept: u8, plain: u8) -> u8 {
        kept + plain
    }

    async fn none(&self) {}

    async fn either(&self, _: u8) {}
}

/// A caller passes what there is.
pub fn calls(client: &ConditionalClient) {
    drop(client.m(1, 2));
    drop(client.none());
    drop(client.either(1));
}

#[test]
fn runs() {
    let _ = ConditionalServer::new(Desk);
}
