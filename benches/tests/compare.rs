//! The comparison runs: so it doesn't rot between the days on which somebody measures.

use std::process::Command;
use std::time::Duration;

use kafka_rpc_tests::broker::Broker;
use kafka_rpc_tests::process::Process;

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_bare_pair_is_compared_with_kafka_rpc() {
    let Some(broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let mut comparison = Process::spawn(
        Command::new(env!("CARGO_BIN_EXE_kafka-rpc-benches"))
            .env("KAFKA_RPC_BROKERS", broker.bootstrap())
            .args(["--rounds", "2", "--in-flight", "1,16"])
            .args(["--seconds", "0.3", "--warm-up", "0.3"]),
    )
    .expect("it starts");
    for in_flight in ["1 in flight", "16 in flight"] {
        comparison.wait_for_line(in_flight, PATIENCE);
        for name in ["p50", "p90", "p99", "calls/s", "CPU/call"] {
            let line = comparison.wait_for_line(&format!("B/A {name} "), PATIENCE);
            let ratio: f64 = line
                .split_whitespace()
                .nth(2)
                .and_then(|word| word.parse().ok())
                .unwrap_or_else(|| panic!("no ratio in {line:?}"));
            // A short run's CPU time may be less than the kernel's tick.
            assert!(
                name == "CPU/call" || ratio.is_finite() && ratio > 0.0,
                "{line}"
            );
        }
    }
    let status = comparison.wait(PATIENCE).expect("it ends");
    assert!(status.success(), "{}", comparison.output());
}
