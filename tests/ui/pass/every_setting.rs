//! Every setting of a service and of a method.

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

use std::time::Duration;

use kafka_rpc::ServiceClient;

/// A service.
#[kafka_rpc::service(
    name = "billing.v2",
    version = 2,
    commands = "in",
    results = "out",
    crate = "::kafka_rpc"
)]
pub trait Billing {
    /// A method.
    #[rpc(timeout = "250ms", idempotent)]
    async fn total(&self) -> u64;

    /// Another.
    #[rpc(key = account, name = "pay-in")]
    async fn deposit(&self, account: String, cents: u64);

    /// A third, with settings apart.
    #[rpc(oneway)]
    #[rpc(timeout = "1h")]
    async fn note(&self, text: String);
}

#[test]
fn runs() {
    let descriptor = BillingClient::DESCRIPTOR;
    assert_eq!(descriptor.name, "billing.v2");
    assert_eq!(descriptor.version, 2);
    assert_eq!(descriptor.commands_topic(), "in");
    assert_eq!(descriptor.results_topic(), "out");
    let [total, deposit, note] = descriptor.methods else {
        panic!("three methods");
    };
    assert_eq!(total.timeout, Some(Duration::from_millis(250)));
    assert!(total.idempotent && !deposit.idempotent);
    assert_eq!(deposit.name, "pay-in");
    assert!(note.oneway && !total.oneway);
    assert_eq!(note.timeout, Some(Duration::from_hours(1)));
}
