//! A method that is compiled out is nowhere, not even its types.

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
pub trait Conditional {
    /// Out.
    #[cfg(any())]
    async fn out(&self, a: NoSuchType) -> NoSuchType;
    /// In.
    #[cfg(not(any()))]
    async fn kept(&self) -> u8;
}

struct Desk;

impl Conditional for Desk {
    async fn kept(&self) -> u8 {
        1
    }
}

#[test]
fn runs() {
    let _ = ConditionalServer::new(Desk);
    assert_eq!(ConditionalClient::DESCRIPTOR.methods.len(), 1);
    assert_eq!(ConditionalClient::DESCRIPTOR.methods[0].name, "kept");
}
