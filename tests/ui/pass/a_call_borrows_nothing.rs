//! A call outlives its client and its arguments, and can be spawned.

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
pub trait Calculator {
    /// Adds.
    async fn add(&self, a: i64, b: i64) -> Result<i64, String>;
}

const fn spawn<T: Send + Unpin + 'static>(_: &T) {}

/// The client may go before its call.
pub fn outlived(client: CalculatorClient) {
    let call = client.add(1, 2);
    drop(client);
    spawn(&call);
}

const fn shared<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}

#[test]
fn runs() {
    shared::<CalculatorClient>();
}
