//! Tells how old a command is, by its client's clock as far as that is known.

use std::time::{Duration, Instant};

use super::arrival::Arrival;
use super::clock_skew::{ClockOffsets, age_ms};
use crate::server::complete::offsets::Offsets;

/// How far off a client's clock may be without a warning.
const SKEW_MS: u64 = 5_000;

/// How long after a resumption an empty poll doesn't tell that no record is there.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How old a command seems to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    pub(crate) ms: u64,
    /// The offset of the client's clock, if it is far off.
    pub(crate) skew_ms: Option<i64>,
}

/// What tells the ages of commands.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    clocks: ClockOffsets,
    /// When the member last had nothing to read.
    idle: Option<Instant>,
}

impl Ages {
    /// Nothing was at hand to be read. `resumed` is when the member was last let read on: a resumed
    /// one has to fetch first, and so an empty poll tells nothing for a while.
    pub(crate) fn idle(&mut self, now: Instant, resumed: Option<Instant>) {
        let catches_up = resumed.is_some_and(|at| now.saturating_duration_since(at) < CATCH_UP);
        if !catches_up {
            self.idle = Some(now);
        }
    }

    /// How old a command is that was read just now.
    pub(crate) fn of(&mut self, arrival: &Arrival<'_>, offsets: &Offsets) -> Age {
        if arrival.timestamp_ms <= 0 {
            // The record has no timestamp, and so nothing tells its age.
            return Age {
                ms: 0,
                skew_ms: None,
            };
        }
        let difference = (arrival.read_at_us / 1_000).saturating_sub(arrival.timestamp_ms);
        let now = arrival.read_at;
        let lag = if arrival.looked_up {
            None
        } else {
            offsets.lag(arrival.record, self.idle, now)
        };
        let instance = arrival.command.call_id.instance();
        let estimate = self.clocks.observe(instance, difference, lag, now);
        Age {
            ms: age_ms(difference, estimate),
            skew_ms: (estimate.unsigned_abs() > SKEW_MS).then_some(estimate),
        }
    }
}
