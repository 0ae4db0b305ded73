//! What one run is told, what it measures, and the JSON line in which it says so.

use std::error::Error;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

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
            return Err("a server or a client is started by the comparison".into());
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
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) calls_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    /// User and system time of both processes; the broker's isn't in it.
    pub(crate) client_cpu_us_per_call: f64,
    pub(crate) server_cpu_us_per_call: f64,
}

/// Collects one client's latencies, first for the warm-up and then for the measured time.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    plan_seconds: f64,
    server_pid: u32,
    measuring: Option<Start>,
    warm_at: Instant,
    latencies: Vec<Duration>,
}

#[derive(Debug)]
struct Start {
    at: Instant,
    until: Instant,
    client_cpu: f64,
    server_cpu: f64,
}

const WARM_UP: Duration = Duration::from_secs(1);

impl Stopwatch {
    pub(crate) fn start(plan: &Plan) -> Self {
        Self {
            plan_seconds: plan.seconds,
            server_pid: plan.server_pid,
            measuring: None,
            warm_at: Instant::now() + WARM_UP,
            latencies: Vec::with_capacity(1 << 20),
        }
    }

    /// Counts one call that was sent at `sent` and answered at `now`; says whether to go on.
    pub(crate) fn record(&mut self, sent: Instant, now: Instant) -> bool {
        match &self.measuring {
            Some(start) => {
                self.latencies.push(now - sent);
                now < start.until
            }
            None => {
                if now >= self.warm_at {
                    self.measuring = Some(Start {
                        at: now,
                        until: now + Duration::from_secs_f64(self.plan_seconds),
                        client_cpu: cpu_us(std::process::id()),
                        server_cpu: cpu_us(self.server_pid),
                    });
                }
                true
            }
        }
    }

    /// The figures; to be called at once when [`Stopwatch::record`] said to stop.
    pub(crate) fn stop(mut self) -> Outcome<Figures> {
        let start = self.measuring.ok_or("the run ended in its warm-up")?;
        let elapsed = start.at.elapsed().as_secs_f64();
        let client_cpu = cpu_us(std::process::id()) - start.client_cpu;
        let server_cpu = cpu_us(self.server_pid) - start.server_cpu;
        self.latencies.sort_unstable();
        let quantile = |share: f64| {
            let last = self.latencies.len() - 1;
            self.latencies[(share * last as f64).round() as usize].as_secs_f64() * 1e6
        };
        let calls = self.latencies.len() as f64;
        Ok(Figures {
            calls: self.latencies.len() as u64,
            calls_per_second: calls / elapsed,
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            client_cpu_us_per_call: client_cpu / calls,
            server_cpu_us_per_call: server_cpu / calls,
        })
    }
}

/// The CPU time of a process so far, in microseconds and steps of the kernel's tick; not a number
/// where there is no `/proc`. It is what `getrusage` counts, but of any process.
fn cpu_us(pid: u32) -> f64 {
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command stands in parentheses and may contain anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        Some(user + system)
    };
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    ticks().map_or(f64::NAN, |ticks| ticks / per_second * 1e6)
}
