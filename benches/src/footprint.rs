//! `footprint`: what calls take of the memory, and what they leave behind.
//!
//! Pending calls and timeouts are measured over a broker in memory that keeps no log to speak of,
//! allocations on Kafka.

use std::time::Duration;

use kafka_rpc::{Call, Code, RpcError};
use serde::Serialize;
use tokio::runtime::Builder;

use crate::HEAP;
use crate::cluster::Cluster;
use crate::heap::{self, PerCall};
use crate::measure::Outcome;
use crate::options::Options;
use crate::pending;
use crate::probe::InMemory;
use crate::report;

/// Longer than any benchmark runs.
const NEVER: Duration = Duration::from_secs(3_600);
/// A partition keeps its last record only.
const LOG_BYTES: usize = 1;

#[derive(Debug, Serialize)]
struct Results {
    pending: Pending,
    timeouts: Timeouts,
    allocations: Vec<PerCall>,
}

#[derive(Debug, Serialize)]
struct Pending {
    calls: usize,
    /// With the future itself.
    live_bytes_per_call: f64,
    future_bytes: usize,
    resident_bytes_per_call: f64,
}

#[derive(Debug, Serialize)]
struct Timeouts {
    calls: usize,
    /// Pending at once.
    batch: usize,
    live_bytes_before: i64,
    /// Tables and queues have grown to the size of a batch by then, and keep it.
    live_bytes_after_first_batch: i64,
    live_bytes_after: i64,
    resident_bytes_before: u64,
    resident_bytes_after: u64,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let pending = options.take("--pending", 100_000, 10_000)?;
    let timeouts = options.take("--timeouts", 1_000_000, 20_000)?;
    let batch = options.take("--batch", 10_000, 10_000)?;
    let calls = options.take("--calls", 20_000, 1_000)?;
    let json = options.finish()?;
    if pending == 0 || batch == 0 || calls == 0 {
        return Err("nothing would be measured".into());
    }

    HEAP.begin();
    let pending = in_memory(pending, async |memory| pend(&memory, pending).await)?;
    pending.print();
    let timeouts = in_memory(batch, async |memory| expire(&memory, timeouts, batch).await)?;
    timeouts.print();
    let cluster = Cluster::open()?;
    let results = Results {
        pending,
        timeouts,
        allocations: heap::measure(&cluster, calls)?,
    };
    report::write(
        json.as_deref(),
        "footprint",
        Some(&cluster.version),
        &results,
    )
}

/// Runs on one thread with a fresh broker, on which a first call has been answered.
fn in_memory<T>(
    max_in_flight: usize,
    work: impl AsyncFnOnce(InMemory) -> Outcome<T>,
) -> Outcome<T> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let memory = InMemory::start(max_in_flight)?;
        memory.broker.set_max_log_bytes(LOG_BYTES);
        memory.probe.add(1, 2).await?;
        pending::cancel(pending::calls(&memory.silence, 1, |call| call).await?).await;
        work(memory).await
    })
}

async fn pend(memory: &InMemory, count: usize) -> Outcome<Pending> {
    let (live, resident) = (live_bytes(), resident_bytes());
    let held = pending::calls(&memory.silence, count, |call| call.timeout(NEVER)).await?;
    let (live, resident) = (
        live_bytes() - live,
        resident_bytes().saturating_sub(resident),
    );
    pending::cancel(held).await;
    Ok(Pending {
        calls: count,
        live_bytes_per_call: live as f64 / count as f64,
        future_bytes: size_of::<Call<i64, RpcError>>(),
        resident_bytes_per_call: resident as f64 / count as f64,
    })
}

async fn expire(memory: &InMemory, count: usize, batch: usize) -> Outcome<Timeouts> {
    let (live_bytes_before, resident_bytes_before) = (live_bytes(), resident_bytes());
    let mut live_bytes_after_first_batch = None;
    let mut left = count;
    while left > 0 {
        let size = left.min(batch);
        let short = |call: pending::Asked| call.timeout(Duration::from_millis(5));
        for call in pending::calls(&memory.silence, size, short).await? {
            match call.await {
                Err(error) if error.code() == Code::DeadlineExceeded => {}
                ended => return Err(format!("a call ended otherwise: {ended:?}").into()),
            }
        }
        left -= size;
        pending::turn().await;
        live_bytes_after_first_batch.get_or_insert_with(live_bytes);
    }
    Ok(Timeouts {
        calls: count,
        batch,
        live_bytes_before,
        live_bytes_after_first_batch: live_bytes_after_first_batch.unwrap_or(live_bytes_before),
        live_bytes_after: live_bytes(),
        resident_bytes_before,
        resident_bytes_after: resident_bytes(),
    })
}

impl Pending {
    fn print(&self) {
        println!("{} pending calls of two numbers", self.calls);
        println!(
            "  {:.0} live bytes per call, {} of them in its future; {:.0} resident bytes",
            self.live_bytes_per_call, self.future_bytes, self.resident_bytes_per_call,
        );
    }
}

impl Timeouts {
    fn print(&self) {
        println!("{} timeouts, {} at once", self.calls, self.batch);
        println!(
            "  live bytes: {} before, {} after the first {}, {} after all; resident: {} KiB before, \
             {} KiB after",
            self.live_bytes_before,
            self.live_bytes_after_first_batch,
            self.batch,
            self.live_bytes_after,
            self.resident_bytes_before / 1024,
            self.resident_bytes_after / 1024,
        );
    }
}

fn live_bytes() -> i64 {
    HEAP.count().live_bytes
}

/// Of this process; 0 where there is no `/proc`.
fn resident_bytes() -> u64 {
    let pages = || {
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        statm.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    pages().unwrap_or(0) * rustix::param::page_size() as u64
}
