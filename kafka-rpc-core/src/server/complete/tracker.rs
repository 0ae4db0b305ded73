//! Which offsets of one partition are settled, and what is known of the others. Pure.

#[cfg(test)]
mod tests;

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

    /// The lowest offset that is known and isn't settled.
    pub(crate) fn front(&self) -> Option<i64> {
        self.open.front().map(|(offset, _)| *offset)
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
