//! What a client knows of the clocks of those who serve its calls, so that each command says when it was
//! sent by the clock that it will be judged by.
//!
//! Each partition of a commands topic is served by one server, so whoever answered last from it is
//! expected to answer next, and what is known of its clock is kept with the partition. Replies tell
//! their server's clock; those of a few calls a second are enough, and only for these a clock is read.
//!
//! Nothing here depends on this machine's wall clock. While a machine is suspended its monotonic clock
//! stands still, and what is known is forgotten.

mod bounds;

use std::time::{Duration, Instant};

use self::bounds::Bounds;
use crate::transport::Clock;
use crate::util::lock_order::CLIENT_CLOCKS;
use crate::util::sync::{Mutex, lock};
use crate::wire::{Sent, StageTimes};

/// A larger error says nothing to a server.
const MAX_ERROR_MS: i64 = 500;

/// How often a reply is asked for the time.
const SAMPLE_INTERVAL_US: i64 = 100_000;

/// How long nobody is asked for the clock after somebody was and told nothing.
const PROBE_PAUSE_US: i64 = 10_000_000;

/// By how much the wall clock moves against the monotonic one before it is asked why.
const STEP_US: u64 = 20_000;

/// The same where nothing tells why.
const UNTOLD_STEP_US: u64 = 400_000;

/// No suspension is shorter.
const SUSPENSION: Duration = Duration::from_millis(10);

/// The clocks that commands to one topic are judged by.
#[derive(Debug)]
pub(in crate::client) struct ServerClocks {
    /// Times are microseconds from here.
    origin: Instant,
    state: Mutex<State, CLIENT_CLOCKS>,
}

#[derive(Debug)]
struct State {
    /// How much more the wall clock said than the monotonic one when that last changed.
    ahead_us: Option<i64>,
    /// How long the machine had been suspended by then.
    suspended: Option<Duration>,
    /// What was sent before this tells nothing.
    since_us: i64,
    partitions: Vec<Partition>,
    /// What is expected of a partition of which nothing was heard yet: whoever answered last from another
    /// one. It may be the same server, and if not, the clocks of servers are likely to agree.
    last: Option<Expected>,
}

#[derive(Clone, Copy, Debug)]
struct Partition {
    expected: Option<Expected>,
    /// When somebody was last asked in vain.
    probed_us: i64,
}

/// The server that answered last.
#[derive(Clone, Copy, Debug)]
struct Expected {
    clock: u32,
    bounds: Bounds,
    /// When the latest call was sent that it answered, as far as that was noted.
    sent_us: i64,
    /// When a reply was last asked for the time.
    asked_us: i64,
}

/// What is kept of a command's sending until its reply comes. Every pending call has one, so it is small.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::client) struct Stamp {
    /// How long after its call's begin the command was sent, at least; less than the hour that calls
    /// may take.
    after_us: u32,
    /// The clock that it was stamped by; 0 is none.
    clock: u32,
    /// The reply is asked for the time.
    sample: bool,
}

impl ServerClocks {
    /// Knows nothing of any server yet. `partitions` is how many there are; they may become more.
    pub(in crate::client) fn new(now: Instant, partitions: u32) -> Self {
        Self {
            origin: now,
            state: Mutex::new(State {
                ahead_us: None,
                suspended: None,
                since_us: i64::MIN,
                partitions: vec![Partition::UNKNOWN; partitions as usize],
                last: None,
            }),
        }
    }

    /// Stamps a command to this partition that is sent now, when the wall clock says `wall_us`. Its call
    /// began at `started`.
    pub(in crate::client) fn stamp(
        &self,
        partition: u32,
        (started, now): (Instant, Instant),
        wall_us: i64,
        clock: &dyn Clock,
    ) -> (Stamp, Option<Sent>) {
        let now_us = self.micros(now);
        let mut state = lock(&self.state);
        state.notice_suspension(now_us, wall_us.saturating_sub(now_us), clock);
        let (sent, sample) = match &mut state.partition(partition).expected {
            Some(expected) => {
                let sent = expected.sent(now_us);
                // One that is no longer known well enough is asked until it is.
                let due = now_us.saturating_sub(expected.asked_us) >= SAMPLE_INTERVAL_US;
                if due {
                    expected.asked_us = now_us;
                }
                (sent, due || sent.is_none())
            }
            None => (state.last.and_then(|last| last.sent(now_us)), true),
        };
        drop(state);
        let after = now.saturating_duration_since(started).as_micros();
        let stamp = Stamp {
            after_us: u32::try_from(after).unwrap_or(u32::MAX),
            clock: sent.map_or(0, |sent| number(sent.clock)),
            sample,
        };
        (stamp, sent)
    }

    /// A server has answered the command with this stamp. `received` says when; it is asked for only
    /// where that is wanted.
    pub(in crate::client) fn answered(
        &self,
        partition: u32,
        (started, stamp): (Instant, Stamp),
        times: &StageTimes,
        received: impl FnOnce() -> Instant,
    ) {
        let clock = number(times.clock.unwrap_or(0));
        if clock == stamp.clock && (!stamp.sample || clock == 0) {
            return;
        }
        let sent = started + Duration::from_micros(stamp.after_us.into());
        let (sent_us, received_us) = (self.micros(sent), self.micros(received()));
        let mut state = lock(&self.state);
        if sent_us < state.since_us {
            return;
        }
        let told = told(times, sent_us, received_us).filter(|_| clock != 0);
        let told = told.map(|bounds| (clock, bounds));
        let partition = state.partition(partition);
        partition.learn(told, sent_us, received_us);
        state.last = partition.expected;
    }

    /// Whether it is worth to ask for the clock of whoever serves this partition.
    pub(in crate::client) fn wants_probe(&self, partition: u32, now: Instant) -> bool {
        let now_us = self.micros(now);
        let mut state = lock(&self.state);
        let last = state.last;
        let partition = state.partition(partition);
        let expected = partition.expected.or(last);
        let known = expected.and_then(|known| known.sent(now_us));
        known.is_none() && now_us.saturating_sub(partition.probed_us) >= PROBE_PAUSE_US
    }

    /// Whoever serves this partition was asked for its clock, and may have told it.
    pub(in crate::client) fn probed(&self, partition: u32, now: Instant) {
        lock(&self.state).partition(partition).probed_us = self.micros(now);
    }

    /// Negative before the origin, where a paused clock may stand.
    fn micros(&self, at: Instant) -> i64 {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match at.checked_duration_since(self.origin) {
            Some(after) => micros(after),
            None => -micros(self.origin - at) - 1,
        }
    }
}

/// The number of a clock; 0 if it is none.
fn number(clock: u64) -> u32 {
    u32::try_from(clock).unwrap_or(0)
}

/// What the times of a reply tell.
fn told(times: &StageTimes, sent_us: i64, received_us: i64) -> Option<Bounds> {
    let read_us = i64::try_from(times.read_at_us?).ok()?;
    let took_us = i64::try_from(times.queued_us.saturating_add(times.handler_us)).ok()?;
    Bounds::of(
        read_us,
        read_us.saturating_add(took_us),
        sent_us,
        received_us,
    )
}

impl State {
    fn partition(&mut self, number: u32) -> &mut Partition {
        let index = number as usize;
        if index >= self.partitions.len() {
            self.partitions.resize(index + 1, Partition::UNKNOWN);
        }
        &mut self.partitions[index]
    }

    /// Forgets everything if the machine was suspended. That moves the wall clock against the
    /// monotonic one, and so does setting it, which changes nothing here.
    fn notice_suspension(&mut self, now_us: i64, ahead_us: i64, clock: &dyn Clock) {
        let moved_us = self.ahead_us.map(|before| ahead_us.abs_diff(before));
        if moved_us.is_some_and(|moved_us| moved_us <= STEP_US) {
            return;
        }
        self.ahead_us = Some(ahead_us);
        let before = std::mem::replace(&mut self.suspended, clock.suspended());
        let Some(moved_us) = moved_us else {
            return;
        };
        let stood = match (before, self.suspended) {
            (Some(before), Some(now)) => now > before + SUSPENSION,
            // Where nobody can say what a large step was, it was a suspension. A smaller one may be a
            // thread that was held up between two clocks.
            _ => moved_us > UNTOLD_STEP_US,
        };
        if stood {
            self.since_us = now_us;
            self.partitions.fill(Partition::UNKNOWN);
            self.last = None;
        }
    }
}

impl Partition {
    const UNKNOWN: Self = Self {
        expected: None,
        probed_us: -PROBE_PAUSE_US,
    };

    /// A call that was sent then was answered by the server with this clock; `None` by one whose clock
    /// isn't told.
    fn learn(&mut self, told: Option<(u32, Bounds)>, sent_us: i64, received_us: i64) {
        match &mut self.expected {
            Some(expected) if told.is_some_and(|(clock, _)| clock == expected.clock) => {
                if let Some((_, bounds)) = told {
                    expected.bounds = expected.bounds.and(bounds, received_us);
                    expected.sent_us = expected.sent_us.max(sent_us);
                }
            }
            // The former owner may answer late: whoever got the later command is the owner.
            Some(expected) if sent_us < expected.sent_us => {}
            _ => {
                self.expected = told.map(|(clock, bounds)| Expected {
                    clock,
                    bounds,
                    sent_us,
                    asked_us: received_us,
                });
            }
        }
    }
}

impl Expected {
    /// When a command is sent now, unless too little is known of the clock.
    fn sent(&self, now_us: i64) -> Option<Sent> {
        let (time_us, error_us) = self.bounds.at(now_us);
        // Rounded away from the truth, so that it stays within.
        let error_ms = error_us.div_euclid(1_000).saturating_add(2);
        if error_ms > MAX_ERROR_MS {
            return None;
        }
        Some(Sent {
            at_ms: u64::try_from(time_us.div_euclid(1_000)).ok()?,
            error_ms: u64::try_from(error_ms).ok()?,
            clock: self.clock.into(),
        })
    }
}

#[cfg(test)]
mod tests;
