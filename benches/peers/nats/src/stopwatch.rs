//! The latencies of the calls that end within the measured time, and the CPU time of both sides.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Outcome;

const WARM_UP: Duration = Duration::from_secs(1);
/// Of the kernel's clock that counts CPU time, on every platform of ours.
const TICKS_PER_SECOND: f64 = 100.0;

/// Shared by all callers of a client.
#[derive(Clone)]
pub(crate) struct Stopwatch(Arc<Mutex<State>>);

struct State {
    warm_at: Instant,
    measured: Duration,
    server_pid: u32,
    /// When the measured time began, and both sides' CPU time then.
    start: Option<(Instant, Cpu)>,
    /// The same at its end.
    end: Option<(Instant, Cpu)>,
    latencies: Vec<Duration>,
}

/// Microseconds so far.
#[derive(Clone, Copy)]
struct Cpu {
    client: f64,
    server: f64,
}

impl Cpu {
    fn now(server_pid: u32) -> Self {
        Self {
            client: cpu_us(std::process::id()),
            server: cpu_us(server_pid),
        }
    }
}

impl Stopwatch {
    pub(crate) fn start(measured: Duration, server_pid: u32) -> Self {
        Self(Arc::new(Mutex::new(State {
            warm_at: Instant::now() + WARM_UP,
            measured,
            server_pid,
            start: None,
            end: None,
            latencies: Vec::with_capacity(1 << 20),
        })))
    }

    /// Counts one call that was sent at `sent` and answered at `now`; says whether to go on.
    pub(crate) fn record(&self, sent: Instant, now: Instant) -> bool {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (state.start, state.end) {
            (_, Some(_)) => false,
            (Some((start, _)), None) => {
                state.latencies.push(now - sent);
                if now < start + state.measured {
                    return true;
                }
                state.end = Some((now, Cpu::now(state.server_pid)));
                false
            }
            (None, None) => {
                if now >= state.warm_at {
                    state.start = Some((now, Cpu::now(state.server_pid)));
                }
                true
            }
        }
    }

    /// One line of JSON.
    pub(crate) fn figures(&self) -> Outcome<String> {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some((from, before)), Some((until, after))) = (state.start, state.end) else {
            return Err("the run ended before its time".into());
        };
        state.latencies.sort_unstable();
        let quantile = |share: f64| {
            let last = state.latencies.len() - 1;
            state.latencies[(share * last as f64).round() as usize].as_secs_f64() * 1e6
        };
        let calls = state.latencies.len() as f64;
        let figures = json!({
            "calls": state.latencies.len(),
            "calls_per_second": calls / (until - from).as_secs_f64(),
            "p50_us": quantile(0.5),
            "p90_us": quantile(0.9),
            "p99_us": quantile(0.99),
            "client_cpu_us_per_call": (after.client - before.client) / calls,
            "server_cpu_us_per_call": (after.server - before.server) / calls,
        });
        Ok(figures.to_string())
    }
}

/// A process's user and system time so far; nothing where there is no `/proc`.
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
    ticks().unwrap_or(0.0) / TICKS_PER_SECOND * 1e6
}
