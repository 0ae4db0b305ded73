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
use crate::pending::{self, Asked};
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
    answered: Figure,
    /// A call that is sent, and dropped, which sends its cancel.
    dropped: Figure,
    contended: Vec<Contended>,
}

/// Calls that are sent and dropped by several threads at once.
#[derive(Debug, Serialize)]
struct Contended {
    threads: usize,
    #[serde(flatten)]
    figure: Figure,
}

#[derive(Debug, Serialize)]
struct Figure {
    us_per_call: Estimate,
    /// Each block ÷ that of the first row, which was measured a moment apart.
    growth: Estimate,
}

/// A client with so many pending calls.
struct Level {
    memory: InMemory,
    held: Vec<Asked>,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let pending = options.list("--pending", &[1_000, 100_000, 1_000_000], &[1_000, 10_000])?;
    let threads = options.list("--threads", &[1, 2, 4], &[1, 2])?;
    let blocks = options.take("--blocks", 15, 3)?;
    let calls = options.take("--calls", 20_000, 2_000)?;
    let json = options.finish()?;

    let runtime = Builder::new_current_thread().enable_time().build()?;
    let (answered, dropped) = runtime.block_on(on_one_thread(&pending, blocks, calls))?;
    let contended = threads
        .iter()
        .map(|&threads| contended(&pending, blocks, calls, threads))
        .collect::<Outcome<Vec<_>>>()?;

    let row = |(level, &pending): (usize, &usize)| Row {
        pending,
        answered: Figure::new(&answered, level),
        dropped: Figure::new(&dropped, level),
        contended: (threads.iter().zip(&contended))
            .map(|(&threads, times)| Contended {
                threads,
                figure: Figure::new(times, level),
            })
            .collect(),
    };
    let results = Results {
        blocks,
        calls_per_block: calls,
        by_pending: pending.iter().enumerate().map(row).collect(),
    };
    results.print(&threads);
    report::write(json.as_deref(), "registry", None, &results)
}

/// The times of each level's blocks, of calls that are answered and that are dropped. The levels take
/// turns, so that what else the machine does meets them all.
async fn on_one_thread(
    pending: &[usize],
    blocks: usize,
    calls: usize,
) -> Outcome<(Vec<Vec<f64>>, Vec<Vec<f64>>)> {
    let mut levels = Vec::new();
    for &pending in pending {
        levels.push(Level::start(pending).await?);
    }
    let mut answered = vec![Vec::new(); levels.len()];
    let mut dropped = answered.clone();
    for _ in 0..blocks {
        for (number, Level { memory, .. }) in levels.iter().enumerate() {
            let start = Instant::now();
            for _ in 0..calls {
                memory.probe.add(1, 2).await?;
            }
            answered[number].push(each_us(start, calls));
            let start = Instant::now();
            for number in 0..calls {
                pending::send(&mut memory.silence.ask(1, 2))?;
                if number % pending::TURN == 0 {
                    pending::turn().await;
                }
            }
            dropped[number].push(each_us(start, calls));
        }
    }
    for level in levels {
        pending::cancel(level.held).await;
    }
    Ok((answered, dropped))
}

/// The times of each level's blocks, of calls that several threads drop. Each broker has a thread of
/// its own here, which takes part in the contention.
fn contended(
    pending: &[usize],
    blocks: usize,
    calls: usize,
    threads: usize,
) -> Outcome<Vec<Vec<f64>>> {
    let runtime: Runtime = Builder::new_current_thread().build()?;
    let levels = (pending.iter())
        .map(|&pending| {
            let memory = start(pending)?;
            let held = runtime.block_on(hold(&memory, pending))?;
            Ok(Level { memory, held })
        })
        .collect::<Outcome<Vec<_>>>()?;
    let each = (calls / threads).max(1);
    let mut times = vec![Vec::new(); levels.len()];
    for _ in 0..blocks {
        for (Level { memory, .. }, times) in levels.iter().zip(&mut times) {
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
            times.push(each_us(start, each * threads));
            // Its broker isn't to work through the rest while the next level is measured.
            memory.probe.add(1, 2).wait()?;
        }
    }
    for Level { memory, held } in levels {
        let refused = memory.client.stats().refused;
        if refused > 0 {
            return Err(format!("{refused} calls were refused").into());
        }
        runtime.block_on(pending::cancel(held));
    }
    Ok(times)
}

impl Level {
    /// On the runtime that this is called on.
    async fn start(pending: usize) -> Outcome<Self> {
        let memory = start(pending)?;
        let held = hold(&memory, pending).await?;
        Ok(Self { memory, held })
    }
}

fn start(pending: usize) -> Outcome<InMemory> {
    let memory = InMemory::start(pending + 100_000)?;
    memory.broker.set_max_log_bytes(LOG_BYTES);
    Ok(memory)
}

async fn hold(memory: &InMemory, pending: usize) -> Outcome<Vec<Asked>> {
    pending::calls(&memory.silence, pending, |call| call.timeout(NEVER)).await
}

fn each_us(start: Instant, calls: usize) -> f64 {
    start.elapsed().as_secs_f64() * 1e6 / calls as f64
}

impl Figure {
    fn new(times: &[Vec<f64>], level: usize) -> Self {
        let growth = times[level].iter().zip(&times[0]);
        let growth: Vec<f64> = growth.map(|(mine, first)| mine / first).collect();
        Self {
            us_per_call: bootstrap(&times[level]),
            growth: bootstrap(&growth),
        }
    }

    fn print(&self) {
        let (us, times) = (self.us_per_call.median, self.growth.median);
        print!("{us:>9.2} ({times:.2} ×)");
    }
}

impl Results {
    fn print(&self, threads: &[usize]) {
        println!(
            "µs per call, medians of {} blocks of {} calls; in parentheses: the median of each \
             block ÷ the first row's\n",
            self.blocks, self.calls_per_block,
        );
        print!("{:>9}{:>18}{:>18}", "pending", "answered", "dropped");
        for count in threads {
            print!("{:>18}", format!("by {count} threads"));
        }
        println!();
        for row in &self.by_pending {
            print!("{:>9}", row.pending);
            row.answered.print();
            row.dropped.print();
            row.contended.iter().for_each(|it| it.figure.print());
            println!();
        }
    }
}
