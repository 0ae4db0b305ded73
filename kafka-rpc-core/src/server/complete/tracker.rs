//! Which offsets of one partition are settled, and what is known of the others. Pure.

use std::collections::{BTreeMap, VecDeque};

use crate::wire::{Executor, Note, Runs};

/// So many settled offsets may lie among the others before they are cleared away.
const KEPT: usize = 64;

/// Which offsets of one partition are settled, from its assignment on.
///
/// What is committed is the next offset to read, so only a prefix without a hole can be committed; a
/// [`Note`] beside it says what is settled above. Offsets may have gaps: compaction and transaction
/// markers take numbers that no record has.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    /// The offsets that aren't settled, in ascending order, and some that are. The first one never is.
    open: VecDeque<(i64, Mark)>,
    /// How many of `open` aren't settled.
    pending: usize,
    /// Where the calls run that run elsewhere.
    elsewhere: BTreeMap<i64, Executor>,
    /// Everything below is settled or in `open`.
    known_to: Option<i64>,
    /// One above the highest offset that was read.
    read_to: Option<i64>,
    /// Some of `open` came with a note and weren't read yet.
    has_unread: bool,
}

/// What is known of an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Settled,
    /// Nobody has ever started it.
    Untouched,
    /// A former owner may have started it, and runs it no longer.
    Doubtful,
    /// It was started or answered here, and what ends it isn't in the log.
    Started,
    /// A former owner still runs it.
    Elsewhere,
}

/// What a record is that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// To be dealt with. `is_first`: it was certainly never started before.
    New { is_first: bool },
    /// Settled, or running here since an earlier assignment.
    Known,
    /// Running on a former owner.
    Elsewhere(Executor),
    /// Not above all earlier ones: the log was replaced, and this tracker's knowledge with it.
    Replaced,
}

impl Tracker {
    /// Starts at the committed offset.
    pub(crate) fn at(committed: Option<i64>) -> Self {
        Self {
            known_to: committed,
            ..Self::default()
        }
    }

    /// Starts at the committed offset with what its note says. `runs_here` tells which of the calls
    /// that `own` is said to run it still runs.
    pub(crate) fn with_note(note: &Note, own: Executor, runs_here: impl Fn(i64) -> bool) -> Self {
        let mut running = note.running.iter().peekable();
        let mut elsewhere = BTreeMap::new();
        let is_clean = note.fresh.is_some();
        let mut mark = |offset: i64| {
            let Some((_, runs)) = running.next_if(|(running, _)| *running == offset) else {
                return if is_clean {
                    Mark::Untouched
                } else {
                    Mark::Doubtful
                };
            };
            match *runs {
                // Its writer is gone, and its calls with it.
                Runs::On(executor) if executor == note.executor && !is_clean => Mark::Doubtful,
                Runs::Nowhere => Mark::Doubtful,
                Runs::On(executor) if executor == own && runs_here(offset) => Mark::Started,
                Runs::On(executor) => {
                    elsewhere.insert(offset, executor);
                    Mark::Elsewhere
                }
            }
        };
        let unsettled = note.unsettled.iter();
        let open: VecDeque<_> = unsettled.map(|offset| (*offset, mark(*offset))).collect();
        Self {
            pending: open.len(),
            has_unread: !open.is_empty(),
            known_to: Some(note.next),
            read_to: None,
            open,
            elsewhere,
        }
    }

    /// Notes that this offset was read, and says what is known of it. `is_first`: if nothing is known
    /// of it, then it was certainly never started.
    pub(crate) fn read(&mut self, offset: i64, is_first: bool) -> Read {
        if self
            .read_to
            .or_else(|| self.position())
            .is_some_and(|least| offset < least)
        {
            return Read::Replaced;
        }
        if self.has_unread {
            self.drop_unread_below(offset);
        }
        self.read_to = Some(offset.saturating_add(1));
        if self.known_to.is_none_or(|known_to| offset >= known_to) {
            self.has_unread = false;
            let mark = if is_first {
                Mark::Untouched
            } else {
                Mark::Doubtful
            };
            self.open.push_back((offset, mark));
            self.pending += 1;
            self.known_to = self.read_to;
            return Read::New { is_first };
        }
        match self.find(offset).map(|index| self.open[index].1) {
            Some(Mark::Untouched) => Read::New { is_first: true },
            Some(Mark::Doubtful) => Read::New { is_first: false },
            Some(Mark::Elsewhere) => {
                let executor = self.elsewhere.get(&offset);
                executor.map_or(Read::Known, |executor| Read::Elsewhere(*executor))
            }
            Some(Mark::Started | Mark::Settled) | None => Read::Known,
        }
    }

    /// What a note names below the next record doesn't exist any more.
    fn drop_unread_below(&mut self, offset: i64) {
        let from = self.read_to.unwrap_or(i64::MIN);
        let gone = self.open.iter().filter(|(open, mark)| {
            (from..offset).contains(open) && !matches!(mark, Mark::Started | Mark::Settled)
        });
        let gone: Vec<i64> = gone.map(|(open, _)| *open).collect();
        for offset in gone {
            self.settle(offset);
        }
    }

    /// Notes that this offset was started, or answered.
    pub(crate) fn start(&mut self, offset: i64) {
        self.mark(offset, Mark::Started);
    }

    /// A call that ran elsewhere doesn't, and is to be dealt with here.
    pub(crate) fn take_back(&mut self, offset: i64) {
        if self.elsewhere.remove(&offset).is_some() {
            self.mark(offset, Mark::Doubtful);
        }
    }

    fn mark(&mut self, offset: i64, mark: Mark) {
        if let Some(index) = self.find(offset) {
            self.open[index].1 = mark;
        }
    }

    /// Notes that this offset is settled. `false` if it was already, or was never read.
    pub(crate) fn settle(&mut self, offset: i64) -> bool {
        let Some(index) = self.find(offset) else {
            return false;
        };
        self.elsewhere.remove(&offset);
        self.pending -= 1;
        if index > 0 {
            self.open[index].1 = Mark::Settled;
            if self.open.len() > 2 * self.pending + KEPT {
                self.open.retain(|(_, mark)| *mark != Mark::Settled);
            }
            return true;
        }
        self.open.pop_front();
        while self
            .open
            .front()
            .is_some_and(|(_, mark)| *mark == Mark::Settled)
        {
            self.open.pop_front();
        }
        true
    }

    /// Where an offset is that isn't settled.
    fn find(&self, offset: i64) -> Option<usize> {
        // What was read last is started first.
        let last = self.open.len().checked_sub(1)?;
        let index = match self.open[last].0 {
            end if end == offset => last,
            _ => self.open.partition_point(|(open, _)| *open < offset),
        };
        let (open, mark) = self.open.get(index)?;
        (*open == offset && *mark != Mark::Settled).then_some(index)
    }

    /// The next offset to read, as of what is settled; `None` if nothing is known.
    pub(crate) fn position(&self) -> Option<i64> {
        self.open
            .front()
            .map(|(offset, _)| *offset)
            .or(self.known_to)
    }

    /// How many offsets are known and aren't settled.
    #[cfg(test)]
    pub(crate) const fn pending(&self) -> usize {
        self.pending
    }

    /// The offsets that were started here and aren't settled.
    pub(crate) fn started(&self) -> impl Iterator<Item = i64> {
        let started = self.open.iter().filter(|(_, mark)| *mark == Mark::Started);
        started.map(|(offset, _)| *offset)
    }

    /// The note beside [`position`](Self::position). `fresh`: the partition is given up, and what is
    /// unknown at or above this offset was never started.
    pub(crate) fn note(&self, own: Executor, fresh: Option<i64>) -> Note {
        let open = || self.open.iter().filter(|(_, mark)| *mark != Mark::Settled);
        let runs = |offset: i64, mark| match mark {
            Mark::Started => Some(Runs::On(own)),
            Mark::Elsewhere => self
                .elsewhere
                .get(&offset)
                .map(|executor| Runs::On(*executor)),
            // Without `fresh` all that isn't settled is doubtful.
            Mark::Doubtful if fresh.is_some() => Some(Runs::Nowhere),
            Mark::Doubtful | Mark::Untouched | Mark::Settled => None,
        };
        let next = self.known_to.unwrap_or_default();
        Note {
            executor: own,
            next,
            fresh: fresh.map(|fresh| fresh.max(next)),
            unsettled: open().map(|(offset, _)| *offset).collect(),
            running: open()
                .filter_map(|(offset, mark)| Some((*offset, runs(*offset, *mark)?)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const A: Executor = *b"server a";
    const B: Executor = *b"server b";
    const C: Executor = *b"server c";
    const NEW: Read = Read::New { is_first: true };

    fn tracker(offsets: impl IntoIterator<Item = i64>) -> Tracker {
        let mut tracker = Tracker::default();
        for offset in offsets {
            assert_eq!(tracker.read(offset, true), NEW);
        }
        tracker
    }

    #[test]
    fn commits_only_what_has_no_hole_below() {
        let mut tracker = tracker([5, 6, 9]);
        assert!(tracker.settle(6));
        assert_eq!(tracker.position(), Some(5));
        assert!(tracker.settle(5));
        assert_eq!(tracker.position(), Some(9), "7 and 8 are no records");
        assert!(tracker.settle(9));
        assert_eq!((tracker.position(), tracker.pending()), (Some(10), 0));
    }

    #[test]
    fn ignores_what_it_never_read_and_what_is_settled_twice() {
        let mut tracker = Tracker::default();
        assert!(!tracker.settle(3));
        assert_eq!(tracker.read(1, true), NEW);
        assert_eq!(tracker.read(2, true), NEW);
        assert!(tracker.settle(2));
        assert!(!tracker.settle(2));
        assert!(!tracker.settle(7));
        assert_eq!((tracker.pending(), tracker.position()), (1, Some(1)));
    }

    #[test]
    fn notices_a_replaced_log() {
        let mut tracker = tracker([4]);
        assert_eq!(tracker.read(4, true), Read::Replaced);
        assert_eq!(tracker.read(0, true), Read::Replaced);
        assert_eq!(Tracker::at(Some(9)).read(8, true), Read::Replaced);
    }

    #[test]
    fn one_long_call_keeps_no_memory_of_what_was_settled_above() {
        let mut tracker = tracker([0]);
        for offset in 1..10_000 {
            tracker.read(offset, true);
            tracker.settle(offset);
        }
        assert!(tracker.open.len() <= 2 + KEPT, "{}", tracker.open.len());
        let note = tracker.note(A, None);
        assert_eq!((note.unsettled, note.next), (vec![0], 10_000));
    }

    #[test]
    fn the_next_owner_leaves_alone_what_runs_and_starts_the_rest() {
        let mut former = tracker(0..6);
        former.start(1);
        former.start(3);
        former.settle(0);
        former.settle(2);
        former.settle(4);
        let note = former.note(A, Some(0));
        let mut next = Tracker::with_note(&note, B, |_| false);
        assert_eq!(next.position(), Some(1));
        let read: Vec<Read> = (1..7).map(|offset| next.read(offset, false)).collect();
        let elsewhere = Read::Elsewhere(A);
        let doubtful = Read::New { is_first: false };
        assert_eq!(
            read,
            [
                elsewhere,
                Read::Known,
                elsewhere,
                Read::Known,
                NEW,
                doubtful
            ]
        );

        // It is told of them in turn, and hands on what still runs.
        assert!(next.settle(1));
        assert_eq!(next.position(), Some(3));
        next.start(5);
        let note = next.note(B, Some(7));
        assert_eq!(
            note.running,
            [(3, Runs::On(A)), (5, Runs::On(B)), (6, Runs::Nowhere)]
        );
        let mut last = Tracker::with_note(&note, C, |_| false);
        assert_eq!(last.read(3, true), Read::Elsewhere(A));
        assert_eq!(last.read(5, true), Read::Elsewhere(B));
        assert_eq!(
            last.read(6, true),
            doubtful,
            "the second owner couldn't tell"
        );
    }

    #[test]
    fn a_crash_repeats_what_was_not_settled_and_nothing_else() {
        let mut former = tracker(0..4);
        former.start(0);
        former.settle(1);
        former.settle(2);
        let mut next = Tracker::with_note(&former.note(A, None), B, |_| false);
        let doubtful = Read::New { is_first: false };
        let read: Vec<Read> = (0..5).map(|offset| next.read(offset, true)).collect();
        assert_eq!(read, [doubtful, Read::Known, Read::Known, doubtful, NEW]);
    }

    #[test]
    fn a_call_is_found_again_where_it_still_runs() {
        let mut former = tracker([0, 1]);
        former.start(0);
        former.start(1);
        let note = former.note(A, Some(2));
        let between = Tracker::with_note(&note, B, |_| false).note(B, Some(2));
        let mut again = Tracker::with_note(&between, A, |offset| offset == 1);
        assert_eq!(
            again.read(0, true),
            Read::Elsewhere(A),
            "it was stopped, or has ended"
        );
        assert_eq!(again.read(1, true), Read::Known);
        assert_eq!(again.started().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn what_retention_took_is_waited_for_no_longer() {
        let mut former = tracker(0..4);
        former.start(0);
        let mut next = Tracker::with_note(&former.note(A, Some(4)), B, |_| false);
        assert_eq!(next.read(3, true), NEW);
        assert_eq!((next.position(), next.pending()), (Some(3), 1));
    }

    proptest! {
        /// Against a model that keeps sets: what is committed is the lowest open offset, and the note
        /// names all others.
        #[test]
        fn agrees_with_a_model(
            gaps in prop::collection::vec(1..4_i64, 1..60),
            picks in prop::collection::vec((0..3_u8, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut tracker = Tracker::default();
            let mut unread = gaps.iter().scan(100, |at, gap| { *at += gap; Some(*at) });
            let mut all: Vec<i64> = Vec::new();
            let (mut open, mut started) = (BTreeSet::new(), BTreeSet::new());
            for (step, pick) in picks {
                if step == 0 {
                    if let Some(offset) = unread.next() {
                        prop_assert_eq!(tracker.read(offset, true), NEW);
                        all.push(offset);
                        open.insert(offset);
                    }
                } else if !all.is_empty() {
                    let offset = *pick.get(&all);
                    if step == 1 {
                        prop_assert_eq!(tracker.settle(offset), open.remove(&offset));
                        started.remove(&offset);
                    } else {
                        tracker.start(offset);
                        started.extend(open.get(&offset));
                    }
                }
                prop_assert_eq!(tracker.pending(), open.len());
                let end = all.last().map(|last| last + 1);
                prop_assert_eq!(tracker.position(), open.first().copied().or(end));
                let note = tracker.note(A, None);
                prop_assert!(note.unsettled.iter().eq(&open));
                prop_assert!(note.running.iter().map(|(offset, _)| offset).eq(&started));
                prop_assert!(tracker.started().eq(started.iter().copied()));
            }
        }
    }
}
