//! `open-loop`: latency against offered rate.
//!
//! Calls begin on a fixed schedule, whether or not earlier ones have ended, and each latency counts
//! from the time at which the call was due. So a stall is seen by every call that it delays, also by
//! those that could not even be sent (no coordinated omission).

use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use kafka_rpc_tests::topics::Topics;
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::contestant::{last_line, own, serve, spawn};
use crate::latencies::{Latencies, Quantiles, Sparse};
use crate::measure::{Outcome, Plan, WARM_UP};
use crate::options::Options;
use crate::rpc::EchoClient;
use crate::{cpu, report, rpc};

/// Calls that may wait at once; beyond the capacity there are many.
const MAX_IN_FLIGHT: usize = 2_000_000;
/// A rate is reached if so much of it is answered.
const REACHED: f64 = 0.95;

/// What the client prints about one rate.
#[derive(Debug, Deserialize, Serialize)]
struct Paced {
    calls: u64,
    failed: u64,
    /// From the first call that is due to the last one's end.
    calls_per_second: f64,
    client_cpu_us_per_call: f64,
    server_cpu_us_per_call: f64,
    latencies: Sparse,
    /// How late the schedule itself began calls.
    lag_p99_us: f64,
}

#[derive(Debug, Serialize)]
struct AtRate {
    offered: u64,
    reached: bool,
    calls_per_second: f64,
    failed: u64,
    #[serde(flatten)]
    latency: Quantiles,
    lag_p99_us: f64,
    client_cpu_us_per_call: f64,
    server_cpu_us_per_call: f64,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let rates = [1_000, 5_000, 20_000, 40_000, 60_000];
    let rates: Vec<u64> = options.list("--rates", &rates, &[500, 2_000])?;
    let profile: String = options.take("--profile", "latency".into(), "latency".into())?;
    let data = options.take("--data-bytes", 64, 64)?;
    let seconds = options.take("--seconds", 10.0, 0.3)?;
    let json = options.finish()?;
    let name = match profile.as_str() {
        "latency" => "rpc",
        "throughput" => "rpc-throughput",
        _ => return Err(format!("there is no profile `{profile}`").into()),
    };

    let cluster = Cluster::open()?;
    println!("open loop, profile {profile}, {seconds} s at each rate, {data} bytes each way\n");
    println!(
        "{:>9}{:>10}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}{:>9}{:>9}",
        "offered",
        "answered",
        "p50 µs",
        "p90",
        "p99",
        "p99.9",
        "max",
        "lag p99",
        "client",
        "server",
    );
    let mut results = Vec::new();
    for rate in rates {
        let at_rate = measure(&cluster, name, rate, data, seconds)?;
        at_rate.print();
        let reached = at_rate.reached;
        results.push(at_rate);
        if !reached {
            println!("{rate} calls/s aren't reached; higher rates are left out");
            break;
        }
    }
    report::write(
        json.as_deref(),
        "open-loop",
        Some(&cluster.version),
        &results,
    )
}

fn measure(cluster: &Cluster, name: &str, rate: u64, data: usize, seconds: f64) -> Outcome<AtRate> {
    let topics = Topics::new(&cluster.brokers);
    let mut plan = Plan {
        brokers: cluster.brokers.clone(),
        commands: topics.create("commands", 1),
        results: topics.create("results", 1),
        command_bytes: rpc::command_bytes(data),
        reply_bytes: rpc::reply_bytes(data),
        in_flight: 0,
        seconds,
        server_pid: 0,
    };
    let mut server = serve(&own(name, "server")?, &plan.options())?;
    plan.server_pid = server.pid();
    let mut line = own(name, "paced-client")?;
    line.extend(plan.options());
    let client = spawn(&line, &[rate.to_string()])?;
    let paced: Paced = serde_json::from_str(&last_line(client, &mut server, seconds)?)?;
    let latencies = Latencies::from_sparse(&paced.latencies)?;
    Ok(AtRate {
        offered: rate,
        reached: paced.failed == 0 && paced.calls_per_second >= REACHED * rate as f64,
        calls_per_second: paced.calls_per_second,
        failed: paced.failed,
        latency: latencies.quantiles(),
        lag_p99_us: paced.lag_p99_us,
        client_cpu_us_per_call: paced.client_cpu_us_per_call,
        server_cpu_us_per_call: paced.server_cpu_us_per_call,
    })
}

impl AtRate {
    fn print(&self) {
        let latency = &self.latency;
        println!(
            "{:>9}{:>10.0}{:>9.0}{:>9.0}{:>9.0}{:>9.0}{:>10.0}{:>10.0}{:>9.1}{:>9.1}",
            self.offered,
            self.calls_per_second,
            latency.p50_us,
            latency.p90_us,
            latency.p99_us,
            latency.p99_9_us,
            latency.max_us,
            self.lag_p99_us,
            self.client_cpu_us_per_call,
            self.server_cpu_us_per_call,
        );
        if self.failed > 0 {
            println!("{:>9} calls failed", self.failed);
        }
    }
}

/// Begins calls on schedule, on one thread without a runtime, and prints what it measured.
pub(crate) fn client(name: &str, plan: &Plan, rate: &str) -> Outcome {
    // By default the kernel may wake a thread 50 µs late.
    #[cfg(target_os = "linux")]
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let rate: f64 = rate.parse()?;
    let client = rpc::options(name, plan)?
        .max_in_flight(MAX_IN_FLIGHT)
        .connect()
        .wait()?;
    let echo: EchoClient = client.attach().wait()?;
    let data = rpc::data(plan);
    echo.echo(data.clone()).wait()?;
    let paced = pace(plan, rate, || echo.echo(data.clone()))?;
    println!("{}", serde_json::to_string(&paced)?);
    Ok(())
}

fn pace<F, T, E>(plan: &Plan, rate: f64, mut call: impl FnMut() -> F) -> Outcome<Paced>
where
    F: Future<Output = Result<T, E>>,
{
    let measured = Duration::from_secs_f64(plan.seconds);
    let begin = Instant::now();
    let warm = begin + WARM_UP.min(measured);
    let end = warm + measured;
    let due = |number: u32| begin + Duration::from_secs_f64(f64::from(number) / rate);

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut calls = FuturesUnordered::new();
    let (mut latencies, mut lags) = (Latencies::new()?, Latencies::new()?);
    let (mut failed, mut cpu_before) = (0, None);
    let mut number = 0;
    let cpu_now = || [std::process::id(), plan.server_pid].map(cpu::time_us);
    loop {
        let now = Instant::now();
        while due(number) <= now.min(end) {
            let (at, call) = (due(number), call());
            if at >= warm {
                lags.record(now - at);
                cpu_before.get_or_insert_with(cpu_now);
            }
            calls.push(async move { (at, call.await) });
            number += 1;
        }
        while let Poll::Ready(Some((at, ended))) = calls.poll_next_unpin(&mut context) {
            match ended {
                Err(_) => failed += 1,
                Ok(_) if at >= warm => latencies.record(at.elapsed()),
                Ok(_) => {}
            }
        }
        match due(number) {
            next if next <= end => thread::park_timeout(next - Instant::now().min(next)),
            _ if calls.is_empty() => break,
            _ => thread::park(),
        }
    }
    let cpu_before = cpu_before.ok_or("the run ended in its warm-up")?;
    let count = latencies.calls() as f64;
    let [client_cpu, server_cpu] = cpu_now();
    Ok(Paced {
        calls: latencies.calls(),
        failed,
        calls_per_second: count / warm.elapsed().as_secs_f64(),
        client_cpu_us_per_call: (client_cpu - cpu_before[0]) / count,
        server_cpu_us_per_call: (server_cpu - cpu_before[1]) / count,
        latencies: latencies.sparse(),
        lag_p99_us: lags.quantile_us(0.99),
    })
}

/// Wakes the thread that keeps the schedule.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
