//! The clock that a server judges deadlines by, and that its callers learn from its replies.

use std::time::Instant;

/// The wall clock as it was at the start of the server, and the monotonic time since then: setting the
/// machine's clock doesn't move it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerClock {
    /// By which callers tell it from the clocks of other servers, and of this one before a restart.
    id: u64,
    started: Instant,
    started_us: i64,
}

/// One look at the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Whose clock it is.
    pub(crate) clock: u64,
    /// In microseconds since the Unix epoch.
    pub(crate) us: i64,
}

impl ServerClock {
    /// A clock that begins now, when the wall clock says `wall_us`.
    pub(crate) fn start(now: Instant, wall_us: i64) -> Self {
        Self {
            id: fastrand::u32(1..).into(),
            started: now,
            started_us: wall_us,
        }
    }

    /// What it says at this moment.
    pub(crate) fn at(&self, now: Instant) -> Reading {
        let passed = now.saturating_duration_since(self.started).as_micros();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        Reading {
            clock: self.id,
            us: self.started_us.saturating_add(passed),
        }
    }
}

impl Reading {
    /// In milliseconds since the Unix epoch.
    pub(crate) const fn ms(self) -> i64 {
        self.us.div_euclid(1_000)
    }
}
