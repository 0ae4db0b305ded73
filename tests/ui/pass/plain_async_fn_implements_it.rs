//! An implementation is plain async functions, and generic callers may spawn it.

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
    async fn add(&self, a: i64, b: i64) -> i64;
}

struct Desk;

impl Calculator for Desk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

fn spawn(_: impl Future<Output = ()> + Send + 'static) {}

fn spawn_it<S: Calculator + Send + Sync + 'static>(service: S) {
    spawn(async move {
        service.add(1, 2).await;
    });
}

const fn client_can_be_sent<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}

#[test]
fn runs() {
    spawn_it(Desk);
    client_can_be_sent::<CalculatorClient>();
    let server = CalculatorServer::new(Desk);
    assert_eq!(format!("{server:?}"), "CalculatorServer { .. }");
}
