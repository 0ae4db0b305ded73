//! Raw identifiers work, and their names on the wire have no prefix.

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
#![allow(non_camel_case_types)]

use kafka_rpc::ServiceClient;

/// A service.
#[kafka_rpc::service]
pub trait r#trait {
    /// A method.
    #[rpc(key = r#match)]
    async fn r#type(&self, r#match: u64) -> u64;
}

#[test]
fn runs() {
    assert_eq!(traitClient::DESCRIPTOR.name, "trait");
    assert_eq!(traitClient::DESCRIPTOR.methods[0].name, "type");
}
