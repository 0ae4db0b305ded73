//! What `cfg_attr` puts on a method reaches everything that it concerns.

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
    /// Gone, with its types.
    #[cfg_attr(not(any()), cfg(any()))]
    async fn gone(&self, a: NoSuchType) -> NoSuchType;

    /// Deprecated.
    #[cfg_attr(not(any()), deprecated = "use another", inline)]
    async fn old(&self);

    /// Not deprecated.
    #[cfg_attr(any(), deprecated)]
    async fn current(&self);

    #[cfg_attr(not(any()), doc = "Documented.")]
    async fn documented(&self);
}

/// Warns of the one that is deprecated.
#[expect(deprecated)]
pub fn old(client: &ConditionalClient) {
    drop(client.old());
}

/// Warns of nothing.
pub fn current(client: &ConditionalClient) {
    drop(client.current());
}

#[test]
fn runs() {
    assert_eq!(ConditionalClient::DESCRIPTOR.methods.len(), 3);
}
