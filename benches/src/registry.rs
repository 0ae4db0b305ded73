//! `registry`: what starting and ending a call costs while many others are pending.
//!
//! The registry is reached through the client, over a broker in memory whose logs are kept short,
//! so the figures hold the whole client and that broker; their growth is the registry's alone.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::measure::Outcome;
use crate::options::Options;
use crate::pending;
use crate::probe::InMemory;
use crate::report;
use crate::statistics::{Estimate, bootstrap};

/// Longer than any benchmark runs.
const NEVER: Duration = Duration::from_secs(3_600);
const LOG_BYTES: usize = 64 << 10;

#[derive(Debug, Serialize)]
struct Results {
    blocks: usize,
    calls_per_block: usize,
    by_pending: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    pending: usize,
    /// A call that is answered, with its server and broker.
    answered_us: Estimate,
    /// A call that is sent, and dropped, which sends its cancel.
    dropped_us: Estimate,
    contended: Vec<Contended>,
}

/// Calls that are sent and dropped by several threads at once.
#[derive(Debug, Serialize)]
struct Contended {
    threads: usize,
    us_per_call: Estimate,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let pending = options.list("--pending", &[1_000, 100_000, 1_000_000], &[1_000, 10_000])?;
    let threads = options.list("--threads", &[1, 2, 4], &[1, 2])?;
    let mut results = Results {
        blocks: options.take("--blocks", 15, 3)?,
        calls_per_block: options.take("--calls", 20_000, 2_000)?,
        by_pending: Vec::new(),
    };
    let json = options.finish()?;
    println!(
        "µs per call, medians of {} blocks of {} calls; in parentheses: ÷ the first row\n",
        results.blocks, results.calls_per_block,
    );
    print!("{:>9}{:>17}{:>17}", "pending", "answered", "dropped");
    for count in &threads {
        print!("{:>17}", format!("by {count} threads"));
    }
    println!();
    for pending in pending {
        let row = results.measure(pending, &threads)?;
        row.print(results.by_pending.first().unwrap_or(&row));
        results.by_pending.push(row);
    }
    report::write(json.as_deref(), "registry", None, &results)
}

impl Results {
    fn measure(&self, pending: usize, threads: &[usize]) -> Outcome<Row> {
        let calls = self.calls_per_block;
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let (answered_us, dropped_us) = runtime.block_on(async {
            let memory = start(pending)?;
            let held = pending::calls(&memory.silence, pending, |call| call.timeout(NEVER)).await?;
            let (mut answered, mut dropped) = (Vec::new(), Vec::new());
            for _ in 0..self.blocks {
                let start = Instant::now();
                for _ in 0..calls {
                    memory.probe.add(1, 2).await?;
                }
                answered.push(each_us(start, calls));
                let start = Instant::now();
                for number in 0..calls {
                    pending::send(&mut memory.silence.ask(1, 2))?;
                    if number % pending::TURN == 0 {
                        pending::turn().await;
                    }
                }
                dropped.push(each_us(start, calls));
            }
            pending::cancel(held).await;
            Outcome::Ok((bootstrap(&answered), bootstrap(&dropped)))
        })?;
        Ok(Row {
            pending,
            answered_us,
            dropped_us,
            contended: threads
                .iter()
                .map(|&threads| self.contended(pending, threads))
                .collect::<Outcome<_>>()?,
        })
    }

    /// The broker has a thread of its own here, which takes part in the contention.
    fn contended(&self, pending: usize, threads: usize) -> Outcome<Contended> {
        let memory = start(pending)?;
        let runtime: Runtime = Builder::new_current_thread().build()?;
        let held = pending::calls(&memory.silence, pending, |call| call.timeout(NEVER));
        let held = runtime.block_on(held)?;
        let mut values = Vec::new();
        for _ in 0..self.blocks {
            let each = (self.calls_per_block / threads).max(1);
            let barrier = Barrier::new(threads + 1);
            let start = thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        barrier.wait();
                        for _ in 0..each {
                            // One that can't be sent ends at once, and is missed below.
                            let _ = pending::send(&mut memory.silence.ask(1, 2));
                        }
                    });
                }
                barrier.wait();
                Instant::now()
            });
            values.push(each_us(start, each * threads));
        }
        let refused = memory.client.stats().refused;
        if refused > 0 {
            return Err(format!("{refused} calls were refused").into());
        }
        runtime.block_on(pending::cancel(held));
        Ok(Contended {
            threads,
            us_per_call: bootstrap(&values),
        })
    }
}

fn start(pending: usize) -> Outcome<InMemory> {
    let memory = InMemory::start(pending + 100_000)?;
    memory.broker.set_max_log_bytes(LOG_BYTES);
    Ok(memory)
}

fn each_us(start: Instant, calls: usize) -> f64 {
    start.elapsed().as_secs_f64() * 1e6 / calls as f64
}

impl Row {
    fn print(&self, first: &Self) {
        let cell = |mine: &Estimate, first: &Estimate| {
            let ratio = mine.median / first.median;
            print!("{:>9.2} ({ratio:.2} ×)", mine.median);
        };
        print!("{:>9}", self.pending);
        cell(&self.answered_us, &first.answered_us);
        cell(&self.dropped_us, &first.dropped_us);
        for (mine, first) in self.contended.iter().zip(&first.contended) {
            cell(&mine.us_per_call, &first.us_per_call);
        }
        println!();
    }
}
