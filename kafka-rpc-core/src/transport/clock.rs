//! Time as a transport sees it, and its alarms.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time as a transport sees it; the only source of time in client and server.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for deadlines.
    fn now(&self) -> Instant;

    /// Wall time in microseconds since the Unix epoch.
    fn wall_us(&self) -> i64;

    /// Wall time in milliseconds since the Unix epoch, for record timestamps.
    fn wall_ms(&self) -> i64 {
        self.wall_us().div_euclid(1000)
    }

    /// Wall time at `now`, a moment that was got from [`now`](Self::now) just before. Where looking
    /// at a clock is expensive, this may be some milliseconds late in noticing that the wall clock
    /// was set.
    fn wall_us_at(&self, now: Instant) -> i64 {
        let _ = now;
        self.wall_us()
    }

    /// How long this machine was suspended since some moment in the past: as long as [`now`](Self::now)
    /// stood still. `None` where that can't be told.
    fn suspended(&self) -> Option<Duration> {
        None
    }

    /// Calls `tick` at the times that it asks for, until the returned alarm is dropped.
    fn alarm(&self, tick: Arc<dyn Tick>) -> Box<dyn Alarm>;
}

/// Something to be done at certain times.
pub trait Tick: Send + Sync {
    /// Does what is due at `now`, and says when it wants to be called next.
    fn tick(&self, now: Instant) -> Option<Instant>;
}

/// A running alarm. Dropping it stops it, without blocking.
pub trait Alarm: Send + Sync {
    /// Makes sure that the tick is called at `at` or earlier.
    fn ring_by(&self, at: Instant);
}
