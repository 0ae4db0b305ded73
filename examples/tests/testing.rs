//! How to test a service without a broker: any implementation of its trait runs behind the
//! generated client, and the client can be made to fail.

use kafka_rpc::{CallError, Code, Outcome, RpcError, testing};
use kafka_rpc_examples::{Calculator, CalculatorClient, CalculatorServer, DivideError};

/// A fake: whatever implements the trait.
struct Fake;

impl Calculator for Fake {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn divide(&self, _: i64, _: i64) -> Result<i64, DivideError> {
        Err(DivideError::ByZero)
    }

    async fn ponder(&self, _: u64) -> String {
        "soon".to_owned()
    }

    async fn note(&self, _: String) {}
}

/// The code under test: it falls back to zero where there is no quotient.
async fn quotient_or_zero(calc: &CalculatorClient, a: i64, b: i64) -> Result<i64, RpcError> {
    match calc.divide(a, b).await {
        Ok(quotient) => Ok(quotient),
        Err(CallError::App(_)) => Ok(0),
        Err(CallError::Rpc(error)) => Err(error),
    }
}

#[tokio::test]
async fn the_methods_own_error_means_zero() {
    let calc = testing::in_process(CalculatorServer::new(Fake));
    assert_eq!(quotient_or_zero(&calc, 1, 0).await.unwrap(), 0);
}

#[tokio::test]
async fn the_frameworks_error_is_passed_on() {
    let calc = testing::in_process(CalculatorServer::new(Fake));
    let lost = RpcError::new(Code::DeadlineExceeded, Outcome::Unknown, "made by the test");
    testing::fail_next(&calc, "divide", lost);

    let error = quotient_or_zero(&calc, 1, 1).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(quotient_or_zero(&calc, 1, 1).await.unwrap(), 0);
}

#[test]
fn it_needs_no_async_runtime_either() {
    let calc = testing::in_process(CalculatorServer::new(Fake));
    assert_eq!(calc.add(20, 22).wait().unwrap(), 42);
}
