//! Tells the pause within a burst of records from its end.
//!
//! Commands that one caller sent together may come in two pieces: a producer's thread that happened
//! to be awake has sent the first of them alone. If a server answered the piece by itself, its caller
//! would go on with that, and from then on the two would go round apart, each with requests and
//! wake-ups of its own. So a piece waits for the rest, for a moment.

use std::time::{Duration, Instant};

/// A burst of at most one part in so many of the one before is taken for a piece of it.
const PARTS: usize = 8;

/// As long after the one before. The rest of a piece takes about one round trip to the broker.
const LATELY: Duration = Duration::from_millis(3);

/// The records between two pauses.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct Burst {
    records: usize,
    /// How many there were in the burst before, and when that ended.
    before: Option<(usize, Instant)>,
}

impl Burst {
    pub(in crate::transport::kafka) const fn record(&mut self) {
        self.records += 1;
    }

    /// Whether what has come so far is most likely a piece, whose rest is about to come.
    pub(in crate::transport::kafka) fn is_partial_batch(
        &self,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        self.before.is_some_and(|(records, ended)| {
            (1..=records / PARTS).contains(&self.records)
                && now().saturating_duration_since(ended) < LATELY
        })
    }

    /// Whether one record has come so far, and is no piece.
    pub(in crate::transport::kafka) fn is_single(&self, now: impl FnOnce() -> Instant) -> bool {
        self.records == 1 && !self.is_partial_batch(now)
    }

    /// Nothing more has come.
    pub(in crate::transport::kafka) fn end(&mut self, now: impl FnOnce() -> Instant) {
        if self.records > 0 {
            self.before = Some((std::mem::take(&mut self.records), now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(burst: &mut Burst, count: usize) {
        (0..count).for_each(|_| burst.record());
    }

    #[test]
    fn a_small_part_of_what_came_before_is_a_partial_batch_until_its_rest_comes() {
        let now = Instant::now;
        let mut burst = Burst::default();
        assert!(!burst.is_partial_batch(now), "nothing has come");
        records(&mut burst, 64);
        assert!(!burst.is_partial_batch(now), "nothing came before");
        burst.end(now);
        assert!(!burst.is_partial_batch(now), "there is nothing to wait for");
        records(&mut burst, 1);
        assert!(burst.is_partial_batch(now));
        records(&mut burst, 8);
        assert!(!burst.is_partial_batch(now), "the rest has come");
    }

    #[test]
    fn a_piece_whose_rest_does_not_come_is_the_measure_of_the_next() {
        let now = Instant::now;
        let mut burst = Burst::default();
        records(&mut burst, 64);
        burst.end(now);
        records(&mut burst, 1);
        burst.end(now);
        burst.end(now);
        records(&mut burst, 1);
        assert!(
            !burst.is_partial_batch(now),
            "single calls never wait for each other"
        );
    }

    #[test]
    fn a_single_record_is_one_that_nothing_came_with_and_is_no_piece() {
        let now = Instant::now;
        let mut burst = Burst::default();
        assert!(!burst.is_single(now), "nothing has come");
        records(&mut burst, 1);
        assert!(burst.is_single(now));
        records(&mut burst, 7);
        assert!(!burst.is_single(now));
        burst.end(now);
        records(&mut burst, 1);
        assert!(!burst.is_single(now), "its rest may be about to come");
        burst.end(now);
        records(&mut burst, 1);
        assert!(burst.is_single(now));
    }

    #[test]
    fn what_comes_later_is_no_piece() {
        let start = Instant::now();
        let mut burst = Burst::default();
        records(&mut burst, 64);
        burst.end(|| start);
        records(&mut burst, 1);
        assert!(burst.is_partial_batch(|| start + LATELY / 2));
        assert!(!burst.is_partial_batch(|| start + LATELY));
    }
}
