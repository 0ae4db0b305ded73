//! Generic code asks for the service, and needs no bound of its own.

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
pub trait Service {
    /// Adds.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Does by itself.
    async fn twice(&self, a: i64) -> i64 {
        self.add(a, a).await
    }
}

fn spawn(_: impl Future<Output = ()> + Send + 'static) {}

/// As a user writes it.
pub fn spawn_it<S: Service + Send + Sync + 'static>(s: S) {
    spawn(async move {
        let _ = s.add(1, 2).await;
        let _ = s.twice(3).await;
    });
}

/// And behind a reference.
pub async fn borrowed<S: Service + Sync>(s: &S) -> i64 {
    s.add(1, s.twice(2).await).await
}
