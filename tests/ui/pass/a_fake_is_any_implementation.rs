//! A fake is a few lines, runs through encode and decode, and can fail as the framework does.

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

use kafka_rpc::testing::{fail_next, in_process};
use kafka_rpc::{Code, Outcome, RpcError};

/// A service.
#[kafka_rpc::service]
pub trait Calculator {
    /// Adds.
    async fn add(&self, a: i64, b: i64) -> i64;
}

struct Fake;
impl Calculator for Fake {
    async fn add(&self, _: i64, _: i64) -> i64 {
        42
    }
}

#[test]
fn runs() {
    let client = in_process(CalculatorServer::new(Fake));
    assert_eq!(client.add(1, 2).wait().ok(), Some(42));
    let full = RpcError::new(Code::ResourceExhausted, Outcome::NotRun, "full");
    fail_next(&client, "add", full);
    let refused = client.add(1, 2).wait().expect_err("it was told to fail");
    assert_eq!(refused.code(), Code::ResourceExhausted);
}
