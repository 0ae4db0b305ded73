//! What one run is told, what it measures, and the JSON line in which it says so.

use std::error::Error;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::cpu;
use crate::latencies::{Latencies, Sparse};

/// Result of anything that may go wrong in a benchmark.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What a server or a client is told on its command line.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) brokers: String,
    /// With one partition each.
    pub(crate) commands: String,
    pub(crate) results: String,
    pub(crate) command_bytes: usize,
    pub(crate) reply_bytes: usize,
    pub(crate) in_flight: usize,
    pub(crate) seconds: f64,
    /// The server's process; a client asks the kernel for its CPU time.
    pub(crate) server_pid: u32,
}

impl Plan {
    pub(crate) fn parse(options: &[&str]) -> Outcome<Self> {
        let [
            brokers,
            commands,
            results,
            command_bytes,
            reply_bytes,
            in_flight,
            seconds,
            server_pid,
        ] = options
        else {
            return Err("servers and clients are started by the benchmarks".into());
        };
        Ok(Self {
            brokers: (*brokers).to_owned(),
            commands: (*commands).to_owned(),
            results: (*results).to_owned(),
            command_bytes: command_bytes.parse()?,
            reply_bytes: reply_bytes.parse()?,
            in_flight: in_flight.parse()?,
            seconds: seconds.parse()?,
            server_pid: server_pid.parse()?,
        })
    }

    /// The inverse of [`Plan::parse`].
    pub(crate) fn options(&self) -> [String; 8] {
        [
            self.brokers.clone(),
            self.commands.clone(),
            self.results.clone(),
            self.command_bytes.to_string(),
            self.reply_bytes.to_string(),
            self.in_flight.to_string(),
            self.seconds.to_string(),
            self.server_pid.to_string(),
        ]
    }
}

/// What a client prints at the end, as one line of JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) calls_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    /// User and system time of both processes; the broker's isn't in it.
    pub(crate) client_cpu_us_per_call: f64,
    pub(crate) server_cpu_us_per_call: f64,
    /// To be pooled; programs in other languages leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latencies: Option<Sparse>,
}

impl Figures {
    /// The line that a client ends with.
    pub(crate) fn print(&self) -> Outcome {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }

    /// Of client and server together.
    pub(crate) const fn cpu_us_per_call(&self) -> f64 {
        self.client_cpu_us_per_call + self.server_cpu_us_per_call
    }
}

/// Collects one client's latencies, first for the warm-up and then for the measured time.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    measured: Duration,
    server_pid: u32,
    measuring: Option<Start>,
    warm_at: Instant,
    latencies: Latencies,
}

#[derive(Debug)]
struct Start {
    at: Instant,
    until: Instant,
    client_cpu: f64,
    server_cpu: f64,
}

/// Runs that are shorter than this warm up as long as they measure.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

impl Stopwatch {
    pub(crate) fn start(plan: &Plan) -> Outcome<Self> {
        let measured = Duration::from_secs_f64(plan.seconds);
        Ok(Self {
            measured,
            server_pid: plan.server_pid,
            measuring: None,
            warm_at: Instant::now() + WARM_UP.min(measured),
            latencies: Latencies::new()?,
        })
    }

    /// Warms up for so long from now on.
    pub(crate) fn warm_for(mut self, time: Duration) -> Self {
        self.warm_at = Instant::now() + time;
        self
    }

    /// Counts one call that was sent at `sent` and answered at `now`; says whether to go on.
    pub(crate) fn record(&mut self, sent: Instant, now: Instant) -> bool {
        match &self.measuring {
            Some(start) => {
                self.latencies.record(now - sent);
                now < start.until
            }
            None => {
                if now >= self.warm_at {
                    self.measuring = Some(Start {
                        at: now,
                        until: now + self.measured,
                        client_cpu: cpu::time_us(std::process::id()),
                        server_cpu: cpu::time_us(self.server_pid),
                    });
                }
                true
            }
        }
    }

    /// The figures; to be called at once when [`Stopwatch::record`] said to stop.
    pub(crate) fn stop(self) -> Outcome<Figures> {
        let start = self.measuring.ok_or("the run ended in its warm-up")?;
        let elapsed = start.at.elapsed().as_secs_f64();
        let client_cpu = cpu::time_us(std::process::id()) - start.client_cpu;
        let server_cpu = cpu::time_us(self.server_pid) - start.server_cpu;
        let calls = self.latencies.calls() as f64;
        Ok(Figures {
            calls: self.latencies.calls(),
            calls_per_second: calls / elapsed,
            p50_us: self.latencies.quantile_us(0.5),
            p90_us: self.latencies.quantile_us(0.9),
            p99_us: self.latencies.quantile_us(0.99),
            client_cpu_us_per_call: client_cpu / calls,
            server_cpu_us_per_call: server_cpu / calls,
            latencies: Some(self.latencies.sparse()),
        })
    }
}
