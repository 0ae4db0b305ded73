//! What a test does where there can be no broker: it says so and passes, unless one is required.

use std::fmt;
use std::io::Write;
use std::panic::Location;

/// Why this machine can't start a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    reason: String,
}

impl Unavailable {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no Kafka broker: {}", self.reason)
    }
}

impl std::error::Error for Unavailable {}

/// Reports the running test as skipped.
#[track_caller]
pub(super) fn skip(reason: &Unavailable) {
    let thread = std::thread::current();
    let test = match thread.name() {
        // Cargo's test runner names a test's thread after it, unless all run on the main thread.
        Some(name) if name != "main" => name.to_owned(),
        _ => Location::caller().to_string(),
    };
    assert!(
        std::env::var_os("KAFKA_RPC_REQUIRE_BROKER").is_none_or(|value| value != "1"),
        "{test} needs a broker, as KAFKA_RPC_REQUIRE_BROKER=1 demands: {reason}",
    );
    // Not `eprintln!`: the test runner would hide it, since the test passes. And in one piece, since
    // other tests print at the same time.
    let report = format!("skipped: {test}: {reason}\n");
    let _ = std::io::stderr().write_all(report.as_bytes());
}
