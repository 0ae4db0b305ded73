//! What is noted from time to time to judge a server's health by. Pure state.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long replies that were lost are a reason.
pub(super) const LOST_REPLIES: Duration = Duration::from_secs(10);

/// Since when the oldest command of each partition has been the oldest.
#[derive(Debug, Default)]
pub(crate) struct Fronts(BTreeMap<u32, Front>);

#[derive(Clone, Copy, Debug)]
struct Front {
    generation: u64,
    offset: i64,
    since: Instant,
}

impl Fronts {
    /// Notes, of each partition, its assignment and the lowest offset that is open, as they are now.
    pub(crate) fn note(
        &mut self,
        now: Instant,
        fronts: impl Iterator<Item = (u32, u64, Option<i64>)>,
    ) {
        let before = std::mem::take(&mut self.0);
        for (partition, generation, offset) in fronts {
            let Some(offset) = offset else { continue };
            let same = before
                .get(&partition)
                .filter(|front| front.generation == generation && front.offset == offset);
            let front = Front {
                generation,
                offset,
                since: same.map_or(now, |front| front.since),
            };
            self.0.insert(partition, front);
        }
    }

    /// How old the oldest command of a partition is at least.
    pub(crate) fn age(&self, partition: u32, now: Instant) -> Option<Duration> {
        let front = self.0.get(&partition)?;
        Some(now.saturating_duration_since(front.since))
    }
}

/// How many replies were lost lately, from their number now and then.
#[derive(Debug, Default)]
pub(crate) struct LostReplies {
    total: u64,
    lately: u64,
    last: Option<Instant>,
}

impl LostReplies {
    /// Notes how many were lost so far; says how many lately.
    pub(crate) fn note(&mut self, now: Instant, total: u64) -> u64 {
        let old = |last| now.saturating_duration_since(last) >= LOST_REPLIES;
        if self.last.is_some_and(old) {
            self.last = None;
            self.lately = 0;
        }
        let new = total.saturating_sub(self.total);
        self.total = total;
        if new > 0 {
            self.lately += new;
            self.last = Some(now);
        }
        self.lately
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_command_ages_until_it_is_another() {
        let mut fronts = Fronts::default();
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        fronts.note(start, [(0, 1, Some(7)), (1, 2, None)].into_iter());
        fronts.note(later(3), [(0, 1, Some(7)), (1, 2, Some(4))].into_iter());
        assert_eq!(fronts.age(0, later(5)), Some(Duration::from_secs(5)));
        assert_eq!(fronts.age(1, later(5)), Some(Duration::from_secs(2)));
        // The same offset in a later assignment is another command's turn.
        fronts.note(later(6), [(0, 3, Some(7))].into_iter());
        assert_eq!(fronts.age(0, later(7)), Some(Duration::from_secs(1)));
        assert_eq!(fronts.age(1, later(7)), None);
    }

    #[test]
    fn lost_replies_count_for_a_while() {
        let mut lost = LostReplies::default();
        let start = Instant::now();
        assert_eq!(lost.note(start, 0), 0);
        assert_eq!(lost.note(start, 3), 3);
        assert_eq!(lost.note(start + Duration::from_secs(9), 5), 5);
        assert_eq!(lost.note(start + Duration::from_secs(18), 5), 5);
        assert_eq!(lost.note(start + Duration::from_secs(19), 5), 0);
    }
}
