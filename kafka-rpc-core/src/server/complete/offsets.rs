//! The partitions that a member owns, from assignment to revocation.

use hashbrown::HashMap;

use super::tracker::{Read, Tracker};
use crate::transport::{Assigned, Progress};
use crate::wire::{Executor, Note};

/// One record that was read, in one assignment of its partition: what an earlier assignment left
/// behind can't touch a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordRef {
    pub(crate) partition: u32,
    /// It was certainly never started by an earlier owner.
    pub(crate) first_delivery: bool,
    pub(crate) generation: u64,
    pub(crate) offset: i64,
    /// The timestamp of its reply.
    pub(crate) reply_ms: i64,
}

/// One partition in one assignment.
#[derive(Debug)]
struct Owned {
    generation: u64,
    /// Nothing at or above this offset was started before the assignment; `None` if that isn't known.
    fresh: Option<i64>,
    tracker: Tracker,
    /// Something is to be committed since a commit was last asked for.
    progressed: bool,
    /// The length of the note that was made last, in characters; `usize::MAX` if it was too long.
    note_length: usize,
}

/// A partition that is given up in order.
#[derive(Debug)]
pub(crate) struct HandedOver {
    pub(crate) generation: u64,
    /// The last commit; `None` if nothing is known of the partition.
    pub(crate) progress: Option<Progress>,
    /// The offsets of what goes on here.
    pub(crate) started: Vec<i64>,
}

/// All partitions of a member.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    owned: HashMap<u32, Owned>,
    generations: u64,
    /// There is something to be committed that nobody was told of.
    news: bool,
}

impl Offsets {
    /// A partition is owned from now on. `runs_here` tells which offsets of it `own` still runs.
    pub(crate) fn assign(
        &mut self,
        assigned: &Assigned,
        own: Executor,
        runs_here: impl Fn(i64) -> bool,
    ) {
        let generation = self.next_generation();
        self.news = true;
        let committed = assigned.committed.as_ref();
        let note = committed.and_then(|committed| {
            Note::decode(committed.next, committed.note.as_deref()?.as_bytes())
        });
        // Records that its writer has read are gone, and others get their offsets.
        let is_of_this_log = |note: &Note| assigned.end.is_none_or(|end| note.next <= end);
        let note = note.filter(is_of_this_log);
        let fresh = note.as_ref().and_then(|note| note.fresh);
        let tracker = match &note {
            Some(note) => Tracker::with_note(note, own, runs_here),
            None => Tracker::at(committed.map(|committed| committed.next)),
        };
        self.owned.insert(
            assigned.partition,
            Owned {
                generation,
                fresh: [fresh, assigned.end].into_iter().flatten().min(),
                tracker,
                // What an earlier owner's note says of calls that never started is outdated soon.
                progressed: fresh.is_some(),
                note_length: 0,
            },
        );
    }

    /// A record was read; `None` if its partition isn't owned.
    pub(crate) fn read(
        &mut self,
        partition: u32,
        offset: i64,
        reply_ms: i64,
    ) -> Option<(RecordRef, Read)> {
        let owned = self.owned.get_mut(&partition)?;
        let is_first = owned.fresh.is_some_and(|fresh| offset >= fresh);
        let mut read = owned.tracker.read(offset, is_first);
        if read == Read::Replaced {
            // The topic was made anew. What was read of the old one is nobody's any more, and
            // nothing tells which of the new records an earlier owner saw.
            self.generations += 1;
            owned.generation = self.generations;
            owned.fresh = None;
            owned.tracker = Tracker::default();
            read = owned.tracker.read(offset, false);
        }
        let record = RecordRef {
            partition,
            first_delivery: read == Read::New { is_first: true },
            generation: owned.generation,
            offset,
            reply_ms,
        };
        Some((record, read))
    }

    /// The generation of a partition that is owned.
    pub(crate) fn generation(&self, partition: u32) -> Option<u64> {
        self.owned.get(&partition).map(|owned| owned.generation)
    }

    /// Every partition that is owned.
    pub(crate) fn all(&self) -> Vec<u32> {
        self.owned.keys().copied().collect()
    }

    /// Of each partition its assignment, and the lowest offset that is known and isn't settled.
    pub(crate) fn fronts(&self) -> impl Iterator<Item = (u32, u64, Option<i64>)> {
        self.owned
            .iter()
            .map(|(partition, owned)| (*partition, owned.generation, owned.tracker.front()))
    }

    /// A record was started, or is answered.
    pub(crate) fn begin(&mut self, record: RecordRef) {
        if let Some(owned) = self.current(record) {
            owned.tracker.start(record.offset);
        }
    }

    /// A record is dealt with for good. `false` if its partition isn't owned, or in another generation.
    pub(crate) fn settle(&mut self, record: RecordRef) -> bool {
        let Some(owned) = self.current(record) else {
            return false;
        };
        let news = owned.settle(record.offset);
        self.news |= news;
        true
    }

    /// The same for one that was started in an earlier assignment, or by another owner.
    pub(crate) fn settle_earlier(&mut self, partition: u32, offset: i64) -> bool {
        let Some(owned) = self.owned.get_mut(&partition) else {
            return false;
        };
        let news = owned.settle(offset);
        self.news |= news;
        true
    }

    /// Whether something is to be committed since this was last asked.
    pub(crate) const fn has_news(&mut self) -> bool {
        std::mem::replace(&mut self.news, false)
    }

    /// A call that ran on a former owner doesn't run there any more.
    pub(crate) fn take_back(&mut self, record: RecordRef) {
        if let Some(owned) = self.current(record) {
            owned.tracker.take_back(record.offset);
        }
    }

    /// What is to be committed, of each partition of which something was settled since this was last
    /// asked.
    pub(crate) fn progress(&mut self, own: Executor) -> Vec<Progress> {
        let progressed = self.owned.iter_mut().filter(|(_, owned)| owned.progressed);
        progressed
            .filter_map(|(partition, owned)| {
                owned.progressed = false;
                let progress = owned.progress(*partition, own, None)?;
                owned.note_length = progress.note.as_ref().map_or(usize::MAX, String::len);
                Some(progress)
            })
            .collect()
    }

    /// The length of the longest note that was made last, in characters; `usize::MAX` if one was too
    /// long.
    pub(crate) fn longest_note(&self) -> usize {
        let lengths = self.owned.values().map(|owned| owned.note_length);
        lengths.max().unwrap_or(0)
    }

    /// A partition is given up in order: what was started goes on here, and all else is the next
    /// owner's.
    pub(crate) fn hand_over(&mut self, partition: u32, own: Executor) -> Option<HandedOver> {
        let owned = self.owned.remove(&partition)?;
        // Beyond what is known, an owner before this one may have started what this one didn't read.
        let fresh = owned.fresh.unwrap_or(i64::MAX);
        let progress = owned.progress(partition, own, Some(fresh));
        let has_note = progress
            .as_ref()
            .is_some_and(|progress| progress.note.is_some());
        Some(HandedOver {
            generation: owned.generation,
            started: owned.tracker.started().filter(|_| has_note).collect(),
            progress,
        })
    }

    /// A partition is gone.
    pub(crate) fn remove(&mut self, partition: u32) {
        self.owned.remove(&partition);
    }

    fn current(&mut self, record: RecordRef) -> Option<&mut Owned> {
        self.owned
            .get_mut(&record.partition)
            .filter(|owned| owned.generation == record.generation)
    }

    fn next_generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }
}

impl Owned {
    /// Says whether there was nothing to be committed before.
    fn settle(&mut self, offset: i64) -> bool {
        let settled = self.tracker.settle(offset);
        settled && !std::mem::replace(&mut self.progressed, true)
    }

    /// What is to be committed; without a note where that would be longer than brokers take.
    fn progress(&self, partition: u32, own: Executor, fresh: Option<i64>) -> Option<Progress> {
        let next = self.tracker.position()?;
        Some(Progress {
            partition,
            next,
            note: self.tracker.note(own, fresh).encode(next),
        })
    }
}
