//! The partitions that a member owns, from assignment to release.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::commit::CommitTracker;
use crate::transport::{Assigned, Release};

/// A revocation that several partitions hold open; the last one to be dropped lets them go. The
/// mutex is only there because a `Release` can't be shared between threads without.
pub(super) type Hold = Arc<Mutex<Release>>;

/// One record that was read, in one assignment of its partition: what an earlier assignment left
/// behind can't touch a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) partition: u32,
    pub(super) generation: u64,
    offset: i64,
}

/// One partition in one assignment.
#[derive(Debug)]
struct Owned {
    generation: u64,
    /// The end offset at assignment.
    end: Option<i64>,
    since: Instant,
    tracker: CommitTracker,
    /// How many of the tracker's pending offsets won't be done by this member.
    given_up: usize,
    /// Held while the partition is being taken away and something of it isn't done.
    release: Option<Hold>,
}

/// All partitions of a member.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    owned: HashMap<u32, Owned>,
    generations: u64,
}

/// What follows from a record's being done.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The next offset to be read, if it is to be committed.
    pub(super) commit: Option<i64>,
    /// The partition was waiting for this record: it is gone, and this may be dropped.
    pub(super) release: Option<Hold>,
}

impl Partitions {
    /// A partition is owned from now on.
    pub(super) fn assign(&mut self, assigned: Assigned, now: Instant) {
        let generation = self.next_generation();
        self.owned.insert(
            assigned.partition,
            Owned {
                generation,
                end: assigned.end,
                since: now,
                tracker: CommitTracker::default(),
                given_up: 0,
                release: None,
            },
        );
    }

    /// A record was read; `None` if its partition isn't owned.
    pub(super) fn read(&mut self, partition: u32, offset: i64) -> Option<Ticket> {
        let owned = self.owned.get_mut(&partition)?;
        if !owned.tracker.read(offset) {
            // The topic was made anew. What was read of the old one is nobody's any more, and
            // nothing tells which of the new records an earlier owner saw.
            self.generations += 1;
            owned.generation = self.generations;
            owned.end = None;
            owned.given_up = 0;
            owned.tracker = CommitTracker::default();
            owned.tracker.read(offset);
        }
        Some(Ticket {
            partition,
            generation: owned.generation,
            offset,
        })
    }

    /// How long a record can have been in the log, at most, given when the member last had nothing
    /// to read; `None` where nothing is known, as for a backlog.
    pub(super) fn lag(
        &self,
        ticket: Ticket,
        idle: Option<Instant>,
        now: Instant,
    ) -> Option<Duration> {
        let owned = self.owned.get(&ticket.partition)?;
        let since = idle.map_or(owned.since, |idle| idle.max(owned.since));
        self.is_fresh(ticket)
            .then(|| now.saturating_duration_since(since))
    }

    /// Whether the record was certainly never handed to an earlier owner.
    pub(super) fn is_fresh(&self, ticket: Ticket) -> bool {
        self.owned
            .get(&ticket.partition)
            .and_then(|owned| owned.end)
            .is_some_and(|end| ticket.offset >= end)
    }

    /// The generation of a partition that is owned.
    pub(super) fn generation(&self, partition: u32) -> Option<u64> {
        self.owned.get(&partition).map(|owned| owned.generation)
    }

    /// Every partition that is owned.
    pub(super) fn all(&self) -> Vec<u32> {
        self.owned.keys().copied().collect()
    }

    /// A record is dealt with for good.
    pub(super) fn settle(&mut self, ticket: Ticket) -> Settled {
        let Some(owned) = self.current(ticket) else {
            return Settled::default();
        };
        let commit = owned.tracker.done(ticket.offset);
        Settled {
            commit,
            release: self.let_go(ticket.partition),
        }
    }

    /// A record won't be dealt with by this member: it stays uncommitted.
    pub(super) fn give_up(&mut self, ticket: Ticket) {
        if let Some(owned) = self.current(ticket) {
            owned.given_up += 1;
        }
    }

    /// A partition is being taken away. It is kept, with `release`, until everything of it is
    /// settled. Returns its generation if it is still owned then.
    pub(super) fn revoke(&mut self, partition: u32, release: &Hold) -> Option<u64> {
        let owned = self.owned.get_mut(&partition)?;
        owned.release = Some(Arc::clone(release));
        let generation = owned.generation;
        // A clone is dropped here; the caller holds another.
        match self.let_go(partition) {
            Some(_) => None,
            None => Some(generation),
        }
    }

    /// A partition is gone. Returns what held it open, if it was being taken away.
    pub(super) fn remove(&mut self, partition: u32) -> Option<Hold> {
        self.owned.remove(&partition)?.release
    }

    fn current(&mut self, ticket: Ticket) -> Option<&mut Owned> {
        self.owned
            .get_mut(&ticket.partition)
            .filter(|owned| owned.generation == ticket.generation)
    }

    /// Removes a partition that is being taken away and has nothing left to be done.
    fn let_go(&mut self, partition: u32) -> Option<Hold> {
        let owned = self.owned.get(&partition)?;
        let drained = owned.tracker.pending() == owned.given_up;
        if owned.release.is_none() || !drained {
            return None;
        }
        self.remove(partition)
    }

    fn next_generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }
}
