//! A caller tells the method's own error from the framework's.

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
use kafka_rpc::{CallError, RpcError};

/// The method's own error.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Refused {
    /// The limit.
    Above(u64),
}

/// A service.
#[kafka_rpc::service]
pub trait Bank {
    /// A method.
    async fn withdraw(&self, cents: u64) -> Result<u64, Refused>;
}

struct Desk;

impl Bank for Desk {
    async fn withdraw(&self, cents: u64) -> Result<u64, Refused> {
        if cents > 100 {
            Err(Refused::Above(100))
        } else {
            Ok(cents)
        }
    }
}

#[test]
fn runs() {
    let client = in_process(BankServer::new(Desk));
    match client.withdraw(101).wait() {
        Err(CallError::App(Refused::Above(limit))) => assert_eq!(limit, 100),
        other => panic!("not refused: {other:?}"),
    }
    assert!(size_of::<RpcError>() <= 16);
}
