//! Arguments and answers need no `Clone`, `Debug` or `Default`.

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

#[derive(serde::Serialize, serde::Deserialize)]
struct Bare;

#[kafka_rpc::service]
trait Bounds {
    async fn m(&self, a: Bare) -> Bare;
}

struct Desk;

impl Bounds for Desk {
    async fn m(&self, a: Bare) -> Bare {
        a
    }
}

#[test]
fn runs() {
    let _ = BoundsServer::new(Desk);
}
