//! How far a server's clock is ahead of this client's monotonic one: bounds, and what each reply adds to
//! them.
//!
//! A call was sent at *s* and its reply was there at *r*, by the client's monotonic clock. The server
//! read the command at *R* and ended it at *E*, by its own clock. The reading came after the sending, so
//! the server's clock is ahead by at most *R − s*; the end came before the arrival, so it is ahead by
//! *E − r* at least. Both hold however long the command or the reply was on its way, and what both of
//! many calls allow holds too.
//!
//! Two clocks drift apart. So a bound is a line, which widens by 200 ppm from the moment that it was
//! measured. All lines of one side are parallel: the one that is best at one time is so at all later
//! ones, and a number says which it is.

/// One part of so many is by how much two clocks may drift apart.
const DRIFT: i64 = 5_000;

/// What is known of the distance, in microseconds: each line as its value where the monotonic clock
/// stands at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    low: i64,
    high: i64,
}

impl Bounds {
    /// What one call tells. `None` if it contradicts itself: the server took longer than the call.
    ///
    /// All times are whole microseconds, cut off: the true ones may be up to one later.
    pub(super) fn of(read: i64, ended: i64, sent: i64, received: i64) -> Option<Self> {
        let high = read.saturating_add(1).saturating_sub(sent);
        let low = ended.saturating_sub(received.saturating_add(1));
        let bounds = Self {
            low: low.saturating_add(drift(received)),
            high: high.saturating_sub(drift(sent)),
        };
        bounds.is_sound_at(received).then_some(bounds)
    }

    /// What both tell, as seen at `now`. If they contradict each other, one of the clocks stood still
    /// between them, as it does while a machine is suspended: then the newer ones count.
    pub(super) fn and(self, newer: Self, now: i64) -> Self {
        let both = Self {
            low: self.low.max(newer.low),
            high: self.high.min(newer.high),
        };
        if both.is_sound_at(now) { both } else { newer }
    }

    /// The server's time at `now`, and by how much that may be wrong either way.
    pub(super) fn at(self, now: i64) -> (i64, i64) {
        let (low, high) = self.range_at(now);
        let width = high.saturating_sub(low);
        let middle = low.saturating_add(width / 2);
        (now.saturating_add(middle), width / 2 + 1)
    }

    fn range_at(self, now: i64) -> (i64, i64) {
        let widened = drift(now);
        (
            self.low.saturating_sub(widened),
            self.high.saturating_add(widened),
        )
    }

    fn is_sound_at(self, now: i64) -> bool {
        let (low, high) = self.range_at(now);
        low <= high
    }
}

/// How far clocks drift apart in this time.
const fn drift(time: i64) -> i64 {
    time.div_euclid(DRIFT)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A call: when it is sent, how long the way there, the wait and run in the server, and the way
    /// back take.
    type Call = (i64, i64, i64, i64);

    fn calls() -> impl Strategy<Value = Vec<Call>> {
        let way = || prop_oneof![0..3_000_i64, 0..60_000_000_i64];
        vec((0..3_600_000_000_i64, way(), way(), way()), 1..40)
    }

    /// The server's clock, which is `ahead` at the origin and runs by so many ppm too fast.
    fn server(ahead: i64, ppm: i64, at: i64) -> i64 {
        ahead + at + at / 1_000_000 * ppm + at % 1_000_000 * ppm / 1_000_000
    }

    proptest! {
        /// However slow the ways are, and however they differ: the truth is within the error, whatever
        /// order replies are heard in. And the error is that of the best call, but for the drift.
        #[test]
        fn the_truth_is_within_the_error(
            calls in calls(),
            ahead in -10_000_000_000_000..2_000_000_000_000_000_i64,
            ppm in -190..190_i64,
            later in 0..600_000_000_i64,
        ) {
            let mut bounds: Option<Bounds> = None;
            let (mut now, mut best) = (0, i64::MAX);
            for (sent, there, took, back) in calls {
                let (read, ended) = (sent + there, sent + there + took);
                let received = ended + back;
                let told = Bounds::of(
                    server(ahead, ppm, read),
                    server(ahead, ppm, ended),
                    sent,
                    received,
                );
                let told = told.expect("no call contradicts itself");
                now = now.max(received);
                bounds = Some(bounds.map_or(told, |known| known.and(told, now)));
                best = best.min(there + back);
                let (time, error) = bounds.unwrap_or(told).at(now);
                prop_assert!(server(ahead, ppm, now).abs_diff(time) <= error.unsigned_abs());
            }
            now += later;
            if let Some(bounds) = bounds {
                let (time, error) = bounds.at(now);
                prop_assert!(server(ahead, ppm, now).abs_diff(time) <= error.unsigned_abs());
                prop_assert!(error <= best / 2 + 2 * drift(now) + 10, "{error} for {best}");
            }
        }

        /// After a server's clock stood still, the first call tells so, if it took less than that.
        #[test]
        fn a_clock_that_stood_still_is_found_out(
            stood in 1_000_000..100_000_000_i64,
            took in 0..900_000_i64,
        ) {
            let before = Bounds::of(5_000, 5_000, 0, 0).expect("sound");
            let (sent, received) = (200_000_000, 200_000_000 + took);
            let read = server(5_000, 0, sent) - stood;
            let after = Bounds::of(read, read, sent, received).expect("sound");
            let (time, error) = before.and(after, received).at(received);
            let truth = server(5_000, 0, received) - stood;
            prop_assert!(truth.abs_diff(time) <= error.unsigned_abs());
        }

        #[test]
        fn no_numbers_are_too_large(
            one in any::<[i64; 4]>(),
            other in any::<[i64; 4]>(),
            now in any::<i64>(),
        ) {
            let [a, b] = [one, other].map(|[read, ended, sent, received]| {
                Bounds::of(read, ended, sent, received)
            });
            if let (Some(a), Some(b)) = (a, b) {
                a.and(b, now).at(now);
            }
        }
    }

    #[test]
    fn a_server_that_took_longer_than_the_call_tells_nothing() {
        assert_eq!(Bounds::of(1_000, 9_000, 0, 5_000), None);
        assert!(Bounds::of(1_000, 5_000, 0, 5_000).is_some());
    }
}
