//! The benchmarks run: so they don't rot between the days on which somebody measures.

use std::process::Command;
use std::time::Duration;

use kafka_rpc_tests::broker;
use kafka_rpc_tests::process::Process;
use kafka_rpc_tests::run::temp_dir;

/// For benchmarks that need no broker.
const NONE: &str = "";
const PATIENCE: Duration = Duration::from_secs(180);

fn benchmark(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-rpc-benches"));
    command.args(arguments);
    command
}

#[test]
fn the_bare_pair_is_compared_with_kafka_rpc() {
    let Some(broker) = broker::shared() else {
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
            let line = comparison.wait_for_line("rpc/bare", PATIENCE);
            let mut words = line.split_whitespace().skip(1);
            assert_eq!(words.next(), Some(name), "{line}");
            let ratio: f64 = words
                .next()
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
fn writes_its_results(name: &str, brokers: &str) {
    let folder = temp_dir("results").expect("a folder can be made");
    let file = folder.path().join("results.json");
    let path = file.to_str().expect("temporary folders have plain names");
    let mut command = benchmark(&[name, "--quick", "--json", path]);
    let mut process = Process::spawn(command.env("KAFKA_RPC_BROKERS", brokers)).expect("it starts");
    let status = process.wait(PATIENCE).expect("it ends");
    assert!(status.success(), "{}", process.output());
    let written = std::fs::read(&file).expect("it wrote its results");
    let report: serde_json::Value = serde_json::from_slice(&written).expect("they are JSON");
    assert_eq!(report["benchmark"], name);
    assert!(!report["results"].is_null(), "{report}");
}

#[test]
fn memory_writes_its_results() {
    writes_its_results("memory", NONE);
}

#[test]
fn registry_writes_its_results() {
    writes_its_results("registry", NONE);
}

#[test]
fn codec_writes_its_results() {
    writes_its_results("codec", NONE);
}

#[test]
fn footprint_writes_its_results() {
    if let Some(broker) = broker::shared() {
        writes_its_results("footprint", broker.bootstrap());
    }
}

#[test]
fn open_loop_writes_its_results() {
    if let Some(broker) = broker::shared() {
        writes_its_results("open-loop", broker.bootstrap());
    }
}
