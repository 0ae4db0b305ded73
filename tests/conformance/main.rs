//! One suite of black-box cases, run against every transport, so that the in-memory broker can't
//! drift from Kafka.
//!
//! It prints which case ran where. A case that a transport can't run names the broker API that it
//! lacks. Arguments other than flags select cases by name, as with the standard harness.

#![allow(clippy::unwrap_used)]

mod cases;
mod probe;
mod world;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_rpc::testing::MemoryBroker;
use kafka_rpc::{GroupProtocol, Kafka};
use kafka_rpc_tests::broker::{self, Shared};

use cases::{Case, Lacks};
use world::{Cluster, World};

/// How long one case may take on a real clock.
const CASE_LIMIT: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Memory,
    Mock,
    Real,
    /// The same, with servers that follow KIP-848.
    RealConsumer,
}

impl Transport {
    const ALL: [Self; 4] = [Self::Memory, Self::Mock, Self::Real, Self::RealConsumer];

    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Mock => "mock cluster",
            Self::Real => "real Kafka",
            Self::RealConsumer => "KIP-848",
        }
    }

    /// Cases wait for timers more than they compute.
    const fn threads(self) -> usize {
        match self {
            Self::Memory => 2,
            Self::Mock => 4,
            Self::Real | Self::RealConsumer => 6,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Absent(Lacks),
    /// There is no broker to run it on.
    Skipped,
    /// Not selected by the arguments.
    NotSelected,
}

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let cases = cases::all();
    let brokers = broker::shared();
    let columns = Transport::ALL.map(|transport| match (transport, &brokers) {
        (Transport::Real | Transport::RealConsumer, None) => vec![Verdict::Skipped; cases.len()],
        (Transport::Real | Transport::RealConsumer, brokers) => {
            run_all(transport, &cases, &filters, brokers.as_ref())
        }
        _ => run_all(transport, &cases, &filters, None),
    });
    report(&cases, &columns)
}

fn run_all(
    transport: Transport,
    cases: &[Case],
    filters: &[String],
    brokers: Option<&Shared>,
) -> Vec<Verdict> {
    let verdicts = Mutex::new(vec![Verdict::NotSelected; cases.len()]);
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..cases.len()).collect());
    std::thread::scope(|scope| {
        for _ in 0..transport.threads() {
            scope.spawn(|| {
                while let Some(index) = next(&queue) {
                    let case = cases[index];
                    if !filters.is_empty() && !filters.iter().any(|f| case.name.contains(f)) {
                        continue;
                    }
                    let verdict = match case.lacks {
                        Some(lacks) if transport == Transport::Mock => Verdict::Absent(lacks),
                        _ => run(transport, case, brokers),
                    };
                    lock(&verdicts)[index] = verdict;
                }
            });
        }
    });
    verdicts
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

fn run(transport: Transport, case: Case, brokers: Option<&Shared>) -> Verdict {
    let topics = brokers.map(|brokers| Arc::new(brokers.topics()));
    let prefix = topics
        .as_ref()
        .map_or_else(String::new, |topics| topics.name(""));
    let passed = catch_unwind(AssertUnwindSafe(|| {
        // Each case has a runtime of its own; in memory its time is virtual, so that a case that
        // waits for a minute takes none.
        let runtime = match transport {
            Transport::Memory => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build(),
            Transport::Mock | Transport::Real | Transport::RealConsumer => {
                tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()
            }
        }
        .expect("a runtime");
        let limit = match transport {
            Transport::Memory => CASE_LIMIT * 100,
            Transport::Mock | Transport::Real | Transport::RealConsumer => CASE_LIMIT,
        };
        runtime.block_on(async {
            let cluster = match (transport, brokers) {
                (Transport::Memory, _) => Cluster::Memory(MemoryBroker::new()),
                (Transport::Real, Some(brokers)) => Cluster::Kafka(Kafka::new(brokers.bootstrap())),
                (Transport::RealConsumer, Some(brokers)) => Cluster::Kafka(
                    Kafka::new(brokers.bootstrap()).group_protocol(GroupProtocol::Consumer),
                ),
                _ => Cluster::Kafka(Kafka::embedded().expect("a mock cluster")),
            };
            let world = World::new(cluster, prefix.clone(), topics.clone());
            tokio::time::timeout(limit, (case.run)(world))
                .await
                .expect("the case ends in time");
        });
    }));
    match passed {
        Ok(()) => Verdict::Passed,
        Err(_) => {
            println!("FAILED: {} ({})", case.name, transport.name());
            Verdict::Failed
        }
    }
}

fn report(cases: &[Case], columns: &[Vec<Verdict>; 4]) -> ExitCode {
    println!("\nconformance: what every transport does alike\n");
    let [memory, mock, real, consumer] = Transport::ALL.map(Transport::name);
    println!("{memory:^8} {mock:^14} {real:^12} {consumer:^9} case");
    for (index, case) in cases.iter().enumerate() {
        let cell = |column: &Vec<Verdict>| match &column[index] {
            Verdict::Passed => "ok",
            Verdict::Failed => "FAILED",
            Verdict::Absent(_) => "absent",
            Verdict::Skipped => "skipped",
            Verdict::NotSelected => "-",
        };
        let [memory, mock, real, consumer] = [0, 1, 2, 3].map(|column| cell(&columns[column]));
        let lacks = match &columns[1][index] {
            Verdict::Absent(lacks) => format!(" [the mock cluster lacks {}]", lacks.0),
            _ => String::new(),
        };
        println!(
            "{memory:^8} {mock:^14} {real:^12} {consumer:^9} {}{lacks}",
            case.name
        );
    }
    let count = |verdict: fn(&Verdict) -> bool| {
        columns
            .iter()
            .flatten()
            .filter(|found| verdict(found))
            .count()
    };
    let failed = count(|verdict| *verdict == Verdict::Failed);
    let skipped = count(|verdict| matches!(verdict, Verdict::Absent(_) | Verdict::Skipped));
    println!(
        "\n{} cases\nconformance: {} passed, {failed} failed, {skipped} skipped",
        cases.len(),
        count(|verdict| *verdict == Verdict::Passed),
    );
    ExitCode::from(u8::from(failed > 0))
}

fn next(queue: &Mutex<VecDeque<usize>>) -> Option<usize> {
    lock(queue).pop_front()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
