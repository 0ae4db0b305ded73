//! `memory`: a round trip over the broker in memory, with MessagePack both ways.
//!
//! Client, server and broker share one thread, so that the time of a call is all the CPU time that
//! it takes.

use std::time::Instant;

use kafka_rpc::RpcError;
use serde::Serialize;
use tokio::runtime::Builder;

use crate::measure::Outcome;
use crate::options::Options;
use crate::probe::{InMemory, ProbeClient};
use crate::report;
use crate::statistics::{Estimate, bootstrap};

#[derive(Debug, Serialize)]
struct Results {
    blocks: usize,
    calls_per_block: usize,
    log_bytes: usize,
    by_in_flight: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    in_flight: usize,
    us_per_call: Estimate,
    calls_per_second: f64,
    /// The same for calls that all ask for their metadata, each block divided by the one before it.
    with_metadata: Estimate,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let in_flight = options.list("--in-flight", &[1, 64, 1024], &[1, 64])?;
    let mut results = Results {
        blocks: options.take("--blocks", 31, 3)?,
        calls_per_block: options.take("--calls", 200_000, 10_000)?,
        log_bytes: options.take("--log-bytes", 1 << 20, 1 << 20)?,
        by_in_flight: Vec::new(),
    };
    let json = options.finish()?;
    println!(
        "{} blocks of {} calls that add two numbers, on one thread\n",
        results.blocks, results.calls_per_block,
    );
    println!(
        "{:>10}{:>12}{:>20}{:>12}{:>20}",
        "in flight", "µs/call", "95 %", "calls/s", "with metadata"
    );
    for in_flight in in_flight {
        let row = results.measure(in_flight)?;
        println!(
            "{in_flight:>10}{:>12.3}{:>12.3} to {:.3}{:>12.0}{:>18.2} ×",
            row.us_per_call.median,
            row.us_per_call.low,
            row.us_per_call.high,
            row.calls_per_second,
            row.with_metadata.median,
        );
        results.by_in_flight.push(row);
    }
    report::write(json.as_deref(), "memory", None, &results)
}

impl Results {
    fn measure(&self, in_flight: usize) -> Outcome<Row> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let each = (self.calls_per_block / in_flight.max(1)).max(1);
        let (plain, ratios): (Vec<f64>, Vec<f64>) = runtime.block_on(async {
            let memory = InMemory::start(in_flight)?;
            memory.broker.set_max_log_bytes(self.log_bytes);
            let us_per_call = async |metadata| {
                let start = Instant::now();
                all(&memory.probe, in_flight, each, metadata).await?;
                Outcome::Ok(start.elapsed().as_secs_f64() * 1e6 / (each * in_flight) as f64)
            };
            // Fills the logs, and is no measurement.
            us_per_call(false).await?;
            let mut blocks = Vec::new();
            for _ in 0..self.blocks {
                let plain = us_per_call(false).await?;
                blocks.push((plain, us_per_call(true).await? / plain));
            }
            Outcome::Ok(blocks.into_iter().unzip())
        })?;
        let us_per_call = bootstrap(&plain);
        Ok(Row {
            in_flight,
            calls_per_second: 1e6 / us_per_call.median,
            us_per_call,
            with_metadata: bootstrap(&ratios),
        })
    }
}

/// So many callers, each of which makes so many calls one after another.
async fn all(probe: &ProbeClient, callers: usize, each: usize, metadata: bool) -> Outcome {
    if callers == 1 {
        return Ok(some(probe.clone(), each, metadata).await?);
    }
    let callers: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(some(probe.clone(), each, metadata)))
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

async fn some(probe: ProbeClient, calls: usize, metadata: bool) -> Result<(), RpcError> {
    for number in 0..calls as i64 {
        let call = probe.add(number, 1);
        let sum = if metadata {
            call.with_metadata().await?.value
        } else {
            call.await?
        };
        assert_eq!(sum, number + 1, "the reply is the one that is due");
    }
    Ok(())
}
