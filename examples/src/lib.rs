//! What the examples share: where their brokers are, and the calculator of the two-process pair.

use kafka_rpc::{Kafka, RpcError};
use serde::{Deserialize, Serialize};

/// The cluster named by `KAFKA_RPC_BROKERS`; where that isn't set, one that runs in this process.
///
/// # Errors
/// The embedded cluster can't be started.
pub fn cluster() -> Result<Kafka, RpcError> {
    match std::env::var("KAFKA_RPC_BROKERS") {
        Ok(brokers) => Ok(Kafka::new(brokers)),
        Err(_) => Kafka::embedded(),
    }
}

/// The brokers of the examples that run as two processes.
#[must_use]
pub fn brokers() -> String {
    std::env::var("KAFKA_RPC_BROKERS").unwrap_or_else(|_| "localhost:9092".to_owned())
}

/// Done when this process is asked to end: by Ctrl-C, or by SIGTERM, as a service manager does it.
///
/// # Panics
/// The system doesn't let this process hear of its signals.
pub async fn terminated() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be heard");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    drop(tokio::signal::ctrl_c().await);
}

/// Arithmetic over Kafka, shared by `calculator-server` and `calculator-client`.
#[kafka_rpc::service]
pub trait Calculator {
    /// Adds two numbers.
    async fn add(&self, a: i64, b: i64) -> i64;

    /// Divides `a` by `b`.
    #[rpc(timeout = "2s", idempotent)]
    async fn divide(&self, a: i64, b: i64) -> Result<i64, DivideError>;

    /// Answers after so many milliseconds.
    async fn ponder(&self, milliseconds: u64) -> String;

    /// Writes a line on the server's screen; the caller waits only until the log has it.
    #[rpc(oneway)]
    async fn note(&self, text: String);
}

/// Why a division has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DivideError {
    /// The divisor is zero.
    ByZero,
    /// The result doesn't fit.
    Overflow,
}

impl std::fmt::Display for DivideError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ByZero => "division by zero",
            Self::Overflow => "the result does not fit",
        })
    }
}

impl std::error::Error for DivideError {}
