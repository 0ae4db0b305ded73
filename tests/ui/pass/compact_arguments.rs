//! Arguments may travel by position.

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

use kafka_rpc::testing::in_process;

/// A service.
#[kafka_rpc::service(compact)]
pub trait Compact {
    /// The last may be missing.
    async fn m(&self, a: u8, b: String, #[serde(default)] added: u8) -> (u8, String, u8);
}

struct Desk;

impl Compact for Desk {
    async fn m(&self, a: u8, b: String, added: u8) -> (u8, String, u8) {
        (a, b, added)
    }
}

#[test]
fn runs() {
    let client = in_process(CompactServer::new(Desk));
    let answer = client.m(1, "b".to_owned(), 3).wait();
    assert_eq!(answer.ok(), Some((1, "b".to_owned(), 3)));
}
