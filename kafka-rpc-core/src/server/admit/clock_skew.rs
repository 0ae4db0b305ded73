//! Estimates how far each client's wall clock is from this server's, so that a command's age can be
//! told although the two were never set together.
//!
//! With `d` = own wall clock − record timestamp, `d` is the clock offset plus the record's true age,
//! and the age is never negative: every `d` is an upper bound of the offset. Where the server knows
//! that the record can't have waited longer than `lag`, `d − lag` is a lower bound. An estimate is
//! the latest one of another client (most clocks agree, and so 0 at first), moved between the
//! bounds.
//!
//! How wrong it can be: it is at most the smallest true age that was seen of the client within the
//! window too high, and then commands live on by that much beyond their budget. Where a lower bound
//! is known, it is at most `lag` too low; where none is, as for the first commands of a backlog, it
//! may be lower than the truth by as much as the clocks of two clients differ, and then fresh
//! commands of a client whose clock is behind are taken for old ones. The time between the
//! timestamp and the append isn't part of `lag`: a client that takes long to get a record to its
//! broker is believed to have a clock that is behind by as much, until a faster record shows better.
//! The same holds of a client that is first heard of after a stall between broker and server, which
//! looks to the server like having nothing to read. A client that has called before keeps its least
//! upper bound through any stall.
//!
//! Anybody who may write commands can write one with another client's name and a timestamp far
//! ahead, whose upper bound would make that client's calls look old. So one that contradicts the
//! lower bound by more than [`STRAY_MS`] counts for nothing, unless [`REPEATS`] of them come with
//! nothing in between, as they do when the client's clock was set. Until then its commands live on
//! by as much as the clock was set. The third discards the lower bound, which may also have been
//! wrong: records that waited where the server can't see them contradict it, too.

use std::time::{Duration, Instant};

use hashbrown::HashMap;

/// How long a bound is kept at least; at most twice as long. A clock that is set anew, or drifts,
/// is noticed by then.
const WINDOW: Duration = Duration::from_secs(5 * 60);

/// Half of how many clients are remembered.
const GENERATION: usize = 2_048;

/// How far below the lower bound an upper bound is believed at once: clocks that are being adjusted
/// give such ones, and the expiry's allowance is for no less.
const STRAY_MS: i64 = 1_000;

/// How many that are farther below have to come one after another to be believed.
const REPEATS: u8 = 3;

/// A client instance, as its call ids name it.
type Instance = [u8; 8];

/// The estimates for the latest few thousand clients.
#[derive(Debug, Default)]
pub(crate) struct ClockOffsets {
    /// The latest estimate, in milliseconds.
    latest: i64,
    /// Clients that were heard of lately; when there are too many, they become `older` and the
    /// former `older` are forgotten.
    recent: HashMap<Instance, Bounds>,
    older: HashMap<Instance, Bounds>,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    since: Instant,
    current: Range,
    previous: Range,
    /// How many of the latest records contradict the lower bound too much to be believed yet.
    strays: u8,
}

/// Milliseconds that an offset is between, as far as known.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: i64,
    high: i64,
}

impl Range {
    const UNKNOWN: Self = Self {
        low: i64::MIN,
        high: i64::MAX,
    };

    fn and(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
        }
    }
}

impl ClockOffsets {
    /// Takes a record of this client into account, and estimates its clock offset: own wall clock −
    /// client's, in milliseconds.
    ///
    /// `difference` is own wall clock − record timestamp. `lag` is the longest that the record can
    /// have been in the log, if that is known.
    pub(crate) fn observe(
        &mut self,
        instance: Instance,
        difference: i64,
        lag: Option<Duration>,
        now: Instant,
    ) -> i64 {
        let seen = Range {
            low: lag.map_or(i64::MIN, |lag| {
                difference.saturating_sub(i64::try_from(lag.as_millis()).unwrap_or(i64::MAX))
            }),
            high: difference,
        };
        let bounds = self.bounds(instance, now);
        let age = now.saturating_duration_since(bounds.since);
        if age >= WINDOW {
            bounds.previous = if age < 2 * WINDOW {
                bounds.current
            } else {
                Range::UNKNOWN
            };
            bounds.current = Range::UNKNOWN;
            bounds.since = now;
        }
        let low = bounds.current.and(bounds.previous).low;
        if seen.high < low.saturating_sub(STRAY_MS) {
            bounds.strays += 1;
            if bounds.strays == REPEATS {
                // The clock was set, or the lag was longer than the server could know: the lower bound
                // holds no longer. The least upper bound does: no lag goes into it.
                bounds.previous.low = i64::MIN;
                bounds.current.low = i64::MIN;
                bounds.current = bounds.current.and(seen);
                bounds.strays = 0;
            }
        } else {
            bounds.current = bounds.current.and(seen);
            bounds.strays = 0;
        }
        let Range { low, high } = bounds.current.and(bounds.previous);
        // Where they contradict each other the clock was set, or a record was long on its way to
        // the broker; the upper bound supposes nothing about that.
        self.latest = self.latest.max(low).min(high);
        self.latest
    }

    /// What is known of a client, which has been heard of just now.
    fn bounds(&mut self, instance: Instance, now: Instant) -> &mut Bounds {
        if self.recent.len() >= GENERATION && !self.recent.contains_key(&instance) {
            let older = std::mem::take(&mut self.recent);
            let known = older
                .get(&instance)
                .or_else(|| self.older.get(&instance))
                .copied();
            self.recent.extend(known.map(|bounds| (instance, bounds)));
            self.older = older;
        }
        let older = &self.older;
        self.recent.entry(instance).or_insert_with(|| {
            older.get(&instance).copied().unwrap_or(Bounds {
                since: now,
                current: Range::UNKNOWN,
                previous: Range::UNKNOWN,
                strays: 0,
            })
        })
    }
}

/// How old a record is, in milliseconds, going by the estimate; never negative.
pub(crate) fn age_ms(difference: i64, estimate: i64) -> u64 {
    u64::try_from(difference.saturating_sub(estimate)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: Instance = [1; 8];
    const B: Instance = [2; 8];
    const HOUR: i64 = 3_600_000;
    const CAUGHT_UP: Option<Duration> = Some(Duration::from_millis(20));

    #[test]
    fn a_clock_that_is_an_hour_off_costs_a_call_nothing() {
        for offset in [HOUR, -HOUR] {
            let mut offsets = ClockOffsets::default();
            let now = Instant::now();
            let estimate = offsets.observe(A, offset + 3, CAUGHT_UP, now);
            assert!(age_ms(offset + 3, estimate) <= 20);
            let estimate = offsets.observe(A, offset + 1, CAUGHT_UP, now);
            assert!(age_ms(offset + 1, estimate) <= 20);
        }
    }

    #[test]
    fn an_old_command_is_old_however_the_clocks_stand() {
        for offset in [HOUR, 0, -HOUR] {
            let mut offsets = ClockOffsets::default();
            let now = Instant::now();
            offsets.observe(A, offset + 2, CAUGHT_UP, now);
            let late = now + Duration::from_secs(40);
            let lag = Some(Duration::from_secs(40));
            let estimate = offsets.observe(A, offset + 30_000, lag, late);
            let age = age_ms(offset + 30_000, estimate);
            assert!((30_000 - 2..=30_000 + 20).contains(&age), "{age}");
        }
    }

    #[test]
    fn a_backlog_is_judged_by_the_clocks_as_they_are() {
        let mut offsets = ClockOffsets::default();
        let now = Instant::now();
        let estimate = offsets.observe(A, 60_000, None, now);
        assert_eq!(age_ms(60_000, estimate), 60_000);
    }

    #[test]
    fn a_backlog_is_judged_by_what_other_clients_showed() {
        for offset in [HOUR, -HOUR] {
            let mut offsets = ClockOffsets::default();
            let now = Instant::now();
            offsets.observe(A, offset + 2, CAUGHT_UP, now);
            let estimate = offsets.observe(B, offset + 60_000, None, now);
            assert!(age_ms(offset + 60_000, estimate) >= 59_990);
        }
    }

    #[test]
    fn a_stall_of_the_server_makes_waiting_commands_old() {
        let mut offsets = ClockOffsets::default();
        let now = Instant::now();
        offsets.observe(A, 2, CAUGHT_UP, now);
        let lag = Some(Duration::from_secs(30));
        let estimate = offsets.observe(B, 29_000, lag, now + Duration::from_secs(30));
        assert!(age_ms(29_000, estimate) >= 28_900);
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_within_two_windows() {
        let mut offsets = ClockOffsets::default();
        let now = Instant::now();
        offsets.observe(A, 0, CAUGHT_UP, now);
        let later = now + 2 * WINDOW;
        let estimate = offsets.observe(A, HOUR, CAUGHT_UP, later);
        assert!(age_ms(HOUR, estimate) <= 20);
    }

    #[test]
    fn one_forged_record_makes_no_call_old() {
        let mut offsets = ClockOffsets::default();
        let now = Instant::now();
        offsets.observe(A, 2, CAUGHT_UP, now);
        for _ in 0..10 {
            for forged in [-HOUR, i64::MIN] {
                offsets.observe(A, forged, CAUGHT_UP, now);
            }
            let estimate = offsets.observe(A, 3, CAUGHT_UP, now);
            assert!(age_ms(3, estimate) <= 1_100, "{estimate}");
        }
    }

    #[test]
    fn small_forgeries_add_up_to_no_more_than_one() {
        let mut offsets = ClockOffsets::default();
        let now = Instant::now();
        offsets.observe(A, 2, CAUGHT_UP, now);
        for step in 1..100 {
            offsets.observe(A, -500 * step, CAUGHT_UP, now);
            let estimate = offsets.observe(A, 3, CAUGHT_UP, now);
            assert!(age_ms(3, estimate) <= 1_100, "{estimate}");
        }
    }

    #[test]
    fn a_clock_that_was_set_forward_is_believed_soon() {
        let mut offsets = ClockOffsets::default();
        let now = Instant::now();
        offsets.observe(A, 2, CAUGHT_UP, now);
        for _ in 0..REPEATS {
            let estimate = offsets.observe(A, 2 - HOUR, CAUGHT_UP, now);
            assert!(age_ms(2 - HOUR, estimate) <= 20);
        }
        let late = now + Duration::from_secs(40);
        let lag = Some(Duration::from_secs(40));
        let estimate = offsets.observe(A, 30_000 - HOUR, lag, late);
        assert!(age_ms(30_000 - HOUR, estimate) >= 29_990);
    }

    /// Records can wait where the member doesn't see them: in their clients' producers, above the high
    /// watermark, or behind a rebalance. It then has nothing to read, and thinks each of them new.
    #[test]
    fn a_stall_that_the_member_cannot_see_makes_no_command_younger() {
        let mut offsets = ClockOffsets::default();
        let start = Instant::now();
        offsets.observe(A, 1, CAUGHT_UP, start);
        let healed = start + Duration::from_secs(44);
        let mut unexpired = 0;
        for age in (0..44_000).rev().step_by(100) {
            let estimate = offsets.observe(A, age, Some(Duration::from_millis(5)), healed);
            unexpired += u32::from(age > 3_000 && age_ms(age, estimate) <= 3_000);
        }
        assert_eq!(unexpired, 0);
        // And the client's next calls are as young as they are.
        for age in [1, 2, 1] {
            let estimate = offsets.observe(A, age, CAUGHT_UP, healed);
            assert!(age_ms(age, estimate) <= 20, "{estimate}");
        }
    }

    #[test]
    fn a_crowd_of_clients_is_bounded_and_the_lively_ones_stay() {
        const MANY: u64 = if cfg!(miri) { 500 } else { 20_000 };
        let mut offsets = ClockOffsets::default();
        let now = Instant::now();
        offsets.observe(A, 100, Some(Duration::ZERO), now);
        for other in 0..MANY {
            offsets.observe(other.to_be_bytes(), 5_000, Some(Duration::ZERO), now);
            let estimate = offsets.observe(A, 9_000, None, now);
            assert_eq!(estimate, 100);
        }
        assert!(offsets.recent.len() + offsets.older.len() <= 2 * GENERATION);
    }

    proptest! {
        /// Honest records of one client: the estimate is never lower than the truth by more than
        /// the smallest lag, nor higher by more than the smallest true age, and so is the age.
        #[test]
        fn is_as_wrong_as_documented(
            offset in -2 * HOUR..2 * HOUR,
            records in prop::collection::vec((0..60_000_i64, prop::option::of(0..5_000_i64)), 1..50),
        ) {
            let mut offsets = ClockOffsets::default();
            let now = Instant::now();
            let (mut youngest, mut slack) = (i64::MAX, None::<i64>);
            for (age, beyond) in records {
                // A lag that is told is never below the true age.
                let lag = beyond.map(|beyond| age + beyond);
                youngest = youngest.min(age);
                slack = match (slack, beyond) {
                    (Some(slack), Some(beyond)) => Some(slack.min(beyond)),
                    (slack, beyond) => slack.or(beyond),
                };
                let lag = lag.map(|lag| Duration::from_millis(lag.unsigned_abs()));
                let estimate = offsets.observe(A, offset + age, lag, now);
                prop_assert!(estimate <= offset + youngest);
                if let Some(slack) = slack {
                    prop_assert!(estimate >= offset - slack);
                }
            }
        }

        /// Lags may be told that are below the true age, by any stall that the member doesn't see:
        /// once a command of the client was seen that was at most so old, none seems younger by more
        /// than that.
        #[test]
        fn no_command_seems_younger_than_the_best_that_was_seen(
            offset in -2 * HOUR..2 * HOUR,
            best in 0..STRAY_MS,
            records in prop::collection::vec(
                (0..60_000_i64, prop::option::of(-60_000..5_000_i64), 0..2_000_u64),
                1..100,
            ),
        ) {
            let mut offsets = ClockOffsets::default();
            let mut now = Instant::now();
            offsets.observe(A, offset + best, CAUGHT_UP, now);
            for (age, beyond, later) in records {
                now += Duration::from_millis(later);
                let lag = beyond.map(|beyond| (age + beyond).max(0).unsigned_abs());
                let estimate =
                    offsets.observe(A, offset + age, lag.map(Duration::from_millis), now);
                prop_assert!(age_ms(offset + age, estimate) + best.unsigned_abs() >= age.unsigned_abs());
            }
        }

        #[test]
        fn survives_any_timestamp(
            records in prop::collection::vec((any::<i64>(), any::<Option<u32>>()), 1..50),
        ) {
            let mut offsets = ClockOffsets::default();
            let now = Instant::now();
            for (difference, lag) in records {
                let lag = lag.map(|lag| Duration::from_millis(lag.into()));
                let estimate = offsets.observe(B, difference, lag, now);
                age_ms(difference, estimate);
            }
        }
    }
}
