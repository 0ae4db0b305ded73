//! The benchmarks run: so they don't rot between the days on which somebody measures.

use std::process::Command;
use std::time::Duration;

use kafka_rpc_tests::broker::{self, Broker};
use kafka_rpc_tests::process::Process;
use kafka_rpc_tests::run::temp_dir;

const PATIENCE: Duration = Duration::from_secs(180);

fn benchmark(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-rpc-benches"));
    command.args(arguments);
    command
}

#[test]
fn the_bare_pair_is_compared_with_kafka_rpc() {
    let Some(broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let mut comparison = Process::spawn(
        benchmark(&["--blocks", "2", "--in-flight", "1,16"])
            .env("KAFKA_RPC_BROKERS", broker.bootstrap())
            .args(["--seconds", "0.3", "--warm-up", "0.3"]),
    )
    .expect("it starts");
    for in_flight in ["1 in flight", "16 in flight"] {
        comparison.wait_for_line(in_flight, PATIENCE);
        for name in ["p50", "p90", "p99", "calls/s", "CPU/call"] {
            let line = comparison.wait_for_line(&format!("{name} "), PATIENCE);
            let mut words = line.split_whitespace();
            assert_eq!(words.next(), Some("rpc/bare"), "{line}");
            let ratio: f64 = words
                .nth(1)
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

/// Runs a benchmark as briefly as it can be, and looks at the file that it writes.
#[track_caller]
fn writes_its_results(name: &str) {
    let folder = temp_dir("results").expect("a folder can be made");
    let file = folder.path().join("results.json");
    let path = file.to_str().expect("temporary folders have plain names");
    let mut process =
        Process::spawn(&mut benchmark(&[name, "--quick", "--json", path])).expect("it starts");
    let status = process.wait(PATIENCE).expect("it ends");
    assert!(status.success(), "{}", process.output());
    let written = std::fs::read(&file).expect("it wrote its results");
    let report: serde_json::Value = serde_json::from_slice(&written).expect("they are JSON");
    assert_eq!(report["benchmark"], name);
    assert!(!report["results"].is_null(), "{report}");
}

#[test]
fn memory_writes_its_results() {
    writes_its_results("memory");
}

#[test]
fn registry_writes_its_results() {
    writes_its_results("registry");
}

#[test]
fn codec_writes_its_results() {
    writes_its_results("codec");
}

#[test]
fn footprint_writes_its_results() {
    if broker::can_start() {
        writes_its_results("footprint");
    }
}

#[test]
fn open_loop_writes_its_results() {
    if broker::can_start() {
        writes_its_results("open-loop");
    }
}
