//! The partitions that a member owns, from assignment to release.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::server::complete::tracker::CommitTracker;
use crate::transport::{Assigned, Release};
use crate::util::lock_order::REVOCATION;
use crate::util::sync::Mutex;

/// A revocation that several partitions hold open; the last one to be dropped lets them go. The
/// mutex is only there because a `Release` can't be shared between threads without.
pub(in crate::server) type Hold = Arc<Mutex<Release, REVOCATION>>;

/// One record that was read, in one assignment of its partition: what an earlier assignment left
/// behind can't touch a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Ticket {
    pub(in crate::server) partition: u32,
    pub(in crate::server) generation: u64,
    offset: i64,
    /// The timestamp of its reply.
    pub(in crate::server) reply_ms: i64,
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
pub(in crate::server) struct Partitions {
    owned: HashMap<u32, Owned>,
    generations: u64,
    /// The end offsets when the server was started, and when they were asked for.
    ends_at_start: HashMap<u32, (i64, Instant)>,
}

/// What follows from a record's being done.
#[derive(Debug, Default)]
pub(in crate::server) struct Settled {
    /// The next offset to be read, if it is to be committed.
    pub(in crate::server) commit: Option<i64>,
    /// The partition was waiting for this record: it is gone, and this may be dropped.
    pub(in crate::server) release: Option<Hold>,
}

impl Partitions {
    /// What was appended after these end offsets, asked for at `now`, was appended after `now`.
    pub(in crate::server) fn start(&mut self, ends: &[Option<i64>], now: Instant) {
        let ends = (0..).zip(ends);
        self.ends_at_start = ends
            .filter_map(|(partition, end)| Some((partition, ((*end)?, now))))
            .collect();
    }

    /// A partition is owned from now on.
    pub(in crate::server) fn assign(&mut self, assigned: Assigned, now: Instant) {
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
    pub(in crate::server) fn read(
        &mut self,
        partition: u32,
        offset: i64,
        reply_ms: i64,
    ) -> Option<Ticket> {
        let owned = self.owned.get_mut(&partition)?;
        if !owned.tracker.read(offset) {
            // The topic was made anew. What was read of the old one is nobody's any more, and
            // nothing tells which of the new records an earlier owner saw.
            self.generations += 1;
            owned.generation = self.generations;
            owned.end = None;
            self.ends_at_start.remove(&partition);
            owned.given_up = 0;
            owned.tracker = CommitTracker::default();
            owned.tracker.read(offset);
        }
        Some(Ticket {
            partition,
            generation: owned.generation,
            offset,
            reply_ms,
        })
    }

    /// How long a record can have been in the log, at most, given when the member last had nothing
    /// to read; `None` where nothing is known, as for a backlog.
    pub(in crate::server) fn lag(
        &self,
        ticket: Ticket,
        idle: Option<Instant>,
        now: Instant,
    ) -> Option<Duration> {
        let since = if self.is_fresh(ticket) {
            let owned = self.owned.get(&ticket.partition)?;
            idle.map_or(owned.since, |idle| idle.max(owned.since))
        } else {
            // It waited for an owner, but not longer than this server has been there.
            let (end, started) = self.ends_at_start.get(&ticket.partition)?;
            (ticket.offset >= *end).then_some(*started)?
        };
        Some(now.saturating_duration_since(since))
    }

    /// Whether the record was certainly never handed to an earlier owner.
    pub(in crate::server) fn is_fresh(&self, ticket: Ticket) -> bool {
        self.owned
            .get(&ticket.partition)
            .and_then(|owned| owned.end)
            .is_some_and(|end| ticket.offset >= end)
    }

    /// The generation of a partition that is owned.
    pub(in crate::server) fn generation(&self, partition: u32) -> Option<u64> {
        self.owned.get(&partition).map(|owned| owned.generation)
    }

    /// Every partition that is owned.
    pub(in crate::server) fn all(&self) -> Vec<u32> {
        self.owned.keys().copied().collect()
    }

    /// How far each partition is done, for those of which something was read.
    pub(in crate::server) fn positions(&self) -> impl Iterator<Item = (u32, i64)> {
        self.owned
            .iter()
            .filter_map(|(partition, owned)| Some((*partition, owned.tracker.position()?)))
    }

    /// A record is dealt with for good.
    pub(in crate::server) fn settle(&mut self, ticket: Ticket) -> Settled {
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
    pub(in crate::server) fn give_up(&mut self, ticket: Ticket) {
        if let Some(owned) = self.current(ticket) {
            owned.given_up += 1;
        }
    }

    /// A partition is being taken away. It is kept, with `release`, until everything of it is
    /// settled. Returns its generation if it is still owned then.
    pub(in crate::server) fn revoke(&mut self, partition: u32, release: &Hold) -> Option<u64> {
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
    pub(in crate::server) fn remove(&mut self, partition: u32) -> Option<Hold> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn assign(partitions: &mut Partitions, end: Option<i64>, now: Instant) {
        partitions.assign(Assigned { partition: 0, end }, now);
    }

    fn hold() -> (Hold, Arc<AtomicBool>) {
        let released = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&released);
        let release = Release::new(move || tell.store(true, Ordering::SeqCst));
        (Arc::new(Mutex::new(release)), released)
    }

    #[test]
    fn a_ticket_of_an_earlier_assignment_touches_nothing() {
        let now = Instant::now();
        let mut partitions = Partitions::default();
        assign(&mut partitions, Some(0), now);
        let stale = partitions.read(0, 5, 0).unwrap();
        partitions.remove(0);
        assert!(partitions.read(0, 6, 0).is_none(), "it isn't owned");
        assign(&mut partitions, Some(0), now);
        let current = partitions.read(0, 5, 0).unwrap();
        assert_eq!(partitions.settle(stale).commit, None);
        assert_eq!(partitions.settle(current).commit, Some(6));
    }

    #[test]
    fn a_revoked_partition_is_held_until_everything_is_settled_or_given_up() {
        let mut partitions = Partitions::default();
        assign(&mut partitions, Some(0), Instant::now());
        let waiting = partitions.read(0, 1, 0).unwrap();
        let running = partitions.read(0, 2, 0).unwrap();
        partitions.give_up(waiting);
        let (hold, released) = hold();
        assert!(partitions.revoke(0, &hold).is_some());
        drop(hold);
        assert!(!released.load(Ordering::SeqCst));
        let settled = partitions.settle(running);
        assert_eq!(settled.commit, None, "the one below it wasn't done");
        assert!(settled.release.is_some());
        drop(settled);
        assert!(released.load(Ordering::SeqCst));
        assert_eq!(partitions.generation(0), None);
    }

    #[test]
    fn a_revoked_partition_with_nothing_to_do_is_let_go_at_once() {
        let mut partitions = Partitions::default();
        assign(&mut partitions, None, Instant::now());
        let (hold, released) = hold();
        assert_eq!(partitions.revoke(0, &hold), None);
        drop(hold);
        assert!(released.load(Ordering::SeqCst));
    }

    #[test]
    fn only_what_came_after_the_assignment_is_fresh_and_has_a_lag() {
        let now = Instant::now();
        let later = now + Duration::from_secs(9);
        let mut partitions = Partitions::default();
        assign(&mut partitions, Some(10), now);
        let backlog = partitions.read(0, 9, 0).unwrap();
        let fresh = partitions.read(0, 10, 0).unwrap();
        let idle = Some(now + Duration::from_secs(4));
        assert!(!partitions.is_fresh(backlog) && partitions.is_fresh(fresh));
        assert_eq!(partitions.lag(backlog, idle, later), None);
        assert_eq!(
            partitions.lag(fresh, idle, later),
            Some(Duration::from_secs(5))
        );
        assert_eq!(
            partitions.lag(fresh, None, later),
            Some(Duration::from_secs(9))
        );

        assign(&mut partitions, None, now);
        let unknown = partitions.read(0, 11, 0).unwrap();
        assert!(!partitions.is_fresh(unknown), "the end is unknown");
    }

    #[test]
    fn what_waited_for_an_assignment_waited_no_longer_than_the_server_is_there() {
        let start = Instant::now();
        let now = start + Duration::from_secs(3);
        let mut partitions = Partitions::default();
        partitions.start(&[Some(5), None], start);
        assign(&mut partitions, Some(10), now);
        let older = partitions.read(0, 4, 0).unwrap();
        let waited = partitions.read(0, 5, 0).unwrap();
        assert!(!partitions.is_fresh(waited));
        assert_eq!(partitions.lag(older, None, now), None);
        assert_eq!(
            partitions.lag(waited, None, now),
            Some(Duration::from_secs(3))
        );
        // The same numbers in a topic that was made anew say nothing.
        let anew = partitions.read(0, 5, 0).unwrap();
        assert_eq!(partitions.lag(anew, None, now), None);
    }

    #[test]
    fn a_topic_that_was_made_anew_starts_over() {
        let mut partitions = Partitions::default();
        assign(&mut partitions, Some(0), Instant::now());
        let old = partitions.read(0, 7, 0).unwrap();
        let new = partitions.read(0, 0, 0).unwrap();
        assert!(!partitions.is_fresh(new));
        assert_eq!(partitions.settle(old).commit, None);
        assert_eq!(partitions.settle(new).commit, Some(1));
    }
}
