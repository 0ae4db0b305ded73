//! Short scenarios of deploys and faults: what holds of every history holds of these.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use kafka_rpc_tests::broker::Cluster;
use kafka_rpc_tests::driver::run::{Settings, run};
use kafka_rpc_tests::driver::scenario::short;
use kafka_rpc_tests::driver::server::Membership;
use kafka_rpc_tests::driver::table;

/// Guarantee: servers restart, servers and clients are killed, and brokers fail, and yet every call
/// ends once, in time, with its own reply or an honest error; nothing is left behind; and calls
/// succeed again soon after.
#[test]
fn short_scenarios_keep_what_they_assert() {
    let Some(mut cluster) = Cluster::start_or_skip(1) else {
        return;
    };
    let seed = fastrand::u64(..1_000_000);
    println!("seed {seed}\n{}", table::HEAD);
    let settings = Settings {
        program: env!("CARGO_BIN_EXE_driver").into(),
        seed,
        rate: 300,
        seconds: None,
        calm: Duration::from_secs(1),
        membership: Membership::default(),
        keep: None,
    };
    let mut failures = Vec::new();
    for scenario in short() {
        let outcome = run(&scenario, &settings, &mut cluster).unwrap();
        println!("{}", table::line(&outcome));
        if !outcome.holds() {
            failures.push(format!("{}: {}", scenario.name, table::failures(&outcome)));
        }
    }
    assert!(failures.is_empty(), "seed {seed}\n{}", failures.join("\n"));
}
