//! Knows, for one partition, how far every command has been dealt with.

use std::collections::VecDeque;

/// The open offsets of one partition, from the lowest that isn't done to the highest that was read.
///
/// Kafka keeps one number for each partition, the next offset to read, so only a prefix that is done
/// without a hole can be committed. Offsets may have gaps: compaction and transaction markers take
/// numbers that no record has.
#[derive(Debug, Default)]
pub(crate) struct CommitTracker {
    /// Offset and whether it is done, in ascending order; the first is never done.
    open: VecDeque<(i64, bool)>,
    /// How many of `open` aren't done.
    pending: usize,
    /// One above the highest offset that was read.
    end: Option<i64>,
}

impl CommitTracker {
    /// Notes that this offset was read. `false` if it isn't above all earlier ones: the log was
    /// replaced, and this tracker's knowledge with it.
    pub(crate) fn read(&mut self, offset: i64) -> bool {
        if self.end.is_some_and(|end| offset < end) {
            return false;
        }
        self.open.push_back((offset, false));
        self.pending += 1;
        self.end = Some(offset.saturating_add(1));
        true
    }

    /// Notes that this offset is done. Returns the next offset to read, if the prefix that is done
    /// has grown.
    pub(crate) fn done(&mut self, offset: i64) -> Option<i64> {
        let index = self.open.partition_point(|&(open, _)| open < offset);
        let (open, done) = self.open.get_mut(index)?;
        if *open != offset || *done {
            return None;
        }
        *done = true;
        self.pending -= 1;
        if index > 0 {
            return None;
        }
        while self.open.front().is_some_and(|&(_, done)| done) {
            self.open.pop_front();
        }
        self.position()
    }

    /// The next offset to read, as of what is done; `None` if nothing was read.
    pub(crate) fn position(&self) -> Option<i64> {
        self.open.front().map(|&(offset, _)| offset).or(self.end)
    }

    /// How many offsets were read and aren't done.
    pub(crate) const fn pending(&self) -> usize {
        self.pending
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commits_only_what_has_no_hole_below() {
        let mut tracker = CommitTracker::default();
        for offset in [5, 6, 9] {
            assert!(tracker.read(offset));
        }
        assert_eq!(tracker.done(6), None);
        assert_eq!(tracker.done(5), Some(9), "7 and 8 are no records");
        assert_eq!(tracker.done(9), Some(10));
        assert_eq!(tracker.pending(), 0);
    }

    #[test]
    fn ignores_what_it_never_read_and_what_is_done_twice() {
        let mut tracker = CommitTracker::default();
        assert_eq!(tracker.done(3), None);
        assert!(tracker.read(1));
        assert!(tracker.read(2));
        assert_eq!(tracker.done(2), None);
        assert_eq!(tracker.done(2), None);
        assert_eq!(tracker.pending(), 1);
        assert_eq!(tracker.done(7), None);
        assert_eq!(tracker.done(1), Some(3));
    }

    #[test]
    fn notices_a_replaced_log() {
        let mut tracker = CommitTracker::default();
        assert!(tracker.read(4));
        assert!(!tracker.read(4));
        assert!(!tracker.read(0));
    }

    proptest! {
        /// Against a model that keeps sets: a commit is never above the lowest open offset, never
        /// goes back, and is told exactly when it grows.
        #[test]
        fn agrees_with_a_model(
            gaps in prop::collection::vec(1..4_i64, 1..60),
            picks in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200),
        ) {
            let mut tracker = CommitTracker::default();
            let mut unread = gaps.iter().scan(100, |at, gap| { *at += gap; Some(*at) });
            let mut all: Vec<i64> = Vec::new();
            let mut open = BTreeSet::new();
            let mut committed = None;
            for (read, pick) in picks {
                if read {
                    if let Some(offset) = unread.next() {
                        prop_assert!(tracker.read(offset));
                        all.push(offset);
                        open.insert(offset);
                    }
                } else if !all.is_empty() {
                    let offset = *pick.get(&all);
                    let told = tracker.done(offset);
                    let news = open.remove(&offset);
                    let prefix = open.first().copied().or(all.last().map(|last| last + 1));
                    let grown = news && open.first().is_none_or(|first| *first > offset);
                    prop_assert_eq!(told, if grown { prefix } else { None });
                    if told.is_some() {
                        prop_assert!(told > committed);
                        committed = told;
                    }
                }
                prop_assert_eq!(tracker.pending(), open.len());
            }
        }
    }
}
