//! The partitions that a member owns, from assignment to release.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::tracker::CommitTracker;
use crate::transport::{Assigned, Release};
use crate::util::lock_order::REVOCATION;
use crate::util::sync::Mutex;

/// A revocation that several partitions hold open; the last one to be dropped lets them go. The
/// mutex is only there because a `Release` can't be shared between threads without.
pub(crate) type RevocationGuard = Arc<Mutex<Release, REVOCATION>>;

/// One record that was read, in one assignment of its partition: what an earlier assignment left
/// behind can't touch a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordRef {
    pub(crate) partition: u32,
    pub(crate) generation: u64,
    offset: i64,
    /// The timestamp of its reply.
    pub(crate) reply_ms: i64,
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
    left: usize,
    /// Held while the partition is being taken away, or drained, and something of it isn't done. It may
    /// be taken away while it is drained.
    releases: Vec<RevocationGuard>,
}

/// All partitions of a member.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    owned: HashMap<u32, Owned>,
    generations: u64,
    /// The end offsets when the server was started, and when they were asked for.
    ends_at_start: HashMap<u32, (i64, Instant)>,
}

/// What follows from a record's being done.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The next offset to be read, if it is to be committed.
    pub(crate) commit: Option<i64>,
    /// The partition was waiting for this record: it is gone, and these may be dropped.
    pub(crate) releases: Vec<RevocationGuard>,
}

impl Offsets {
    /// What was appended after these end offsets, asked for at `now`, was appended after `now`.
    pub(crate) fn start(&mut self, ends: &[Option<i64>], now: Instant) {
        let ends = (0..).zip(ends);
        self.ends_at_start = ends
            .filter_map(|(partition, end)| Some((partition, ((*end)?, now))))
            .collect();
    }

    /// A partition is owned from now on.
    pub(crate) fn assign(&mut self, assigned: Assigned, now: Instant) {
        let generation = self.next_generation();
        self.owned.insert(
            assigned.partition,
            Owned {
                generation,
                end: assigned.end,
                since: now,
                tracker: CommitTracker::default(),
                left: 0,
                releases: Vec::new(),
            },
        );
    }

    /// A record was read; `None` if its partition isn't owned.
    pub(crate) fn read(&mut self, partition: u32, offset: i64, reply_ms: i64) -> Option<RecordRef> {
        let owned = self.owned.get_mut(&partition)?;
        if !owned.tracker.read(offset) {
            // The topic was made anew. What was read of the old one is nobody's any more, and
            // nothing tells which of the new records an earlier owner saw.
            self.generations += 1;
            owned.generation = self.generations;
            owned.end = None;
            self.ends_at_start.remove(&partition);
            owned.left = 0;
            owned.tracker = CommitTracker::default();
            owned.tracker.read(offset);
        }
        Some(RecordRef {
            partition,
            generation: owned.generation,
            offset,
            reply_ms,
        })
    }

    /// How long a record can have been in the log, at most, given when the member last had nothing
    /// to read; `None` where nothing is known, as for a backlog.
    pub(crate) fn lag(
        &self,
        record: RecordRef,
        idle: Option<Instant>,
        now: Instant,
    ) -> Option<Duration> {
        let since = if self.is_first_delivery(record) {
            let owned = self.owned.get(&record.partition)?;
            idle.map_or(owned.since, |idle| idle.max(owned.since))
        } else {
            // It waited for an owner, but not longer than this server has been there.
            let (end, started) = self.ends_at_start.get(&record.partition)?;
            (record.offset >= *end).then_some(*started)?
        };
        Some(now.saturating_duration_since(since))
    }

    /// Whether the record was certainly never handed to an earlier owner.
    pub(crate) fn is_first_delivery(&self, record: RecordRef) -> bool {
        self.owned
            .get(&record.partition)
            .and_then(|owned| owned.end)
            .is_some_and(|end| record.offset >= end)
    }

    /// The generation of a partition that is owned.
    pub(crate) fn generation(&self, partition: u32) -> Option<u64> {
        self.owned.get(&partition).map(|owned| owned.generation)
    }

    /// Every partition that is owned.
    pub(crate) fn all(&self) -> Vec<u32> {
        self.owned.keys().copied().collect()
    }

    /// How far each partition is done, for those of which something was read.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (u32, i64)> {
        self.owned
            .iter()
            .filter_map(|(partition, owned)| Some((*partition, owned.tracker.position()?)))
    }

    /// Of each partition its assignment, and the lowest offset that was read and isn't done.
    pub(crate) fn fronts(&self) -> impl Iterator<Item = (u32, u64, Option<i64>)> {
        self.owned.iter().map(|(partition, owned)| {
            let open = owned.tracker.pending() > 0;
            let front = owned.tracker.position().filter(|_| open);
            (*partition, owned.generation, front)
        })
    }

    /// A record is dealt with for good.
    pub(crate) fn settle(&mut self, record: RecordRef) -> Settled {
        let Some(owned) = self.current(record) else {
            return Settled::default();
        };
        let commit = owned.tracker.done(record.offset);
        Settled {
            commit,
            releases: self.let_go(record.partition).unwrap_or_default(),
        }
    }

    /// A record won't be dealt with by this member: it stays uncommitted.
    pub(crate) fn leave(&mut self, record: RecordRef) {
        if let Some(owned) = self.current(record) {
            owned.left += 1;
        }
    }

    /// A partition is being taken away. It is kept, with `release`, until everything of it is
    /// settled. Returns its generation if it is still owned then.
    pub(crate) fn revoke(&mut self, partition: u32, release: &RevocationGuard) -> Option<u64> {
        let owned = self.owned.get_mut(&partition)?;
        owned.releases.push(Arc::clone(release));
        let generation = owned.generation;
        // Clones are dropped here; the callers hold others.
        match self.let_go(partition) {
            Some(_) => None,
            None => Some(generation),
        }
    }

    /// A partition is gone. Returns what held it open, if it was being taken away.
    pub(crate) fn remove(&mut self, partition: u32) -> Vec<RevocationGuard> {
        let owned = self.owned.remove(&partition);
        owned.map_or_else(Vec::new, |owned| owned.releases)
    }

    fn current(&mut self, record: RecordRef) -> Option<&mut Owned> {
        self.owned
            .get_mut(&record.partition)
            .filter(|owned| owned.generation == record.generation)
    }

    /// Removes a partition that is being taken away and has nothing left to be done.
    fn let_go(&mut self, partition: u32) -> Option<Vec<RevocationGuard>> {
        let owned = self.owned.get(&partition)?;
        let drained = owned.tracker.pending() == owned.left;
        if owned.releases.is_empty() || !drained {
            return None;
        }
        Some(self.remove(partition))
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

    fn assign(offsets: &mut Offsets, end: Option<i64>, now: Instant) {
        offsets.assign(Assigned { partition: 0, end }, now);
    }

    fn hold() -> (RevocationGuard, Arc<AtomicBool>) {
        let released = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&released);
        let release = Release::new(move || tell.store(true, Ordering::SeqCst));
        (Arc::new(Mutex::new(release)), released)
    }

    #[test]
    fn a_record_of_an_earlier_assignment_touches_nothing() {
        let now = Instant::now();
        let mut offsets = Offsets::default();
        assign(&mut offsets, Some(0), now);
        let stale = offsets.read(0, 5, 0).unwrap();
        offsets.remove(0);
        assert!(offsets.read(0, 6, 0).is_none(), "it isn't owned");
        assign(&mut offsets, Some(0), now);
        let current = offsets.read(0, 5, 0).unwrap();
        assert_eq!(offsets.settle(stale).commit, None);
        assert_eq!(offsets.settle(current).commit, Some(6));
    }

    #[test]
    fn a_revoked_partition_is_held_until_everything_is_settled_or_left() {
        let mut offsets = Offsets::default();
        assign(&mut offsets, Some(0), Instant::now());
        let waiting = offsets.read(0, 1, 0).unwrap();
        let running = offsets.read(0, 2, 0).unwrap();
        offsets.leave(waiting);
        let (hold, released) = hold();
        assert!(offsets.revoke(0, &hold).is_some());
        drop(hold);
        assert!(!released.load(Ordering::SeqCst));
        let settled = offsets.settle(running);
        assert_eq!(settled.commit, None, "the one below it wasn't done");
        assert_eq!(settled.releases.len(), 1);
        drop(settled);
        assert!(released.load(Ordering::SeqCst));
        assert_eq!(offsets.generation(0), None);
    }

    #[test]
    fn a_partition_that_is_taken_away_while_it_is_drained_is_let_go_once_for_both() {
        let mut offsets = Offsets::default();
        assign(&mut offsets, Some(0), Instant::now());
        let running = offsets.read(0, 1, 0).unwrap();
        let (drain, drained) = hold();
        let (revocation, released) = hold();
        assert!(offsets.revoke(0, &drain).is_some());
        assert!(offsets.revoke(0, &revocation).is_some());
        drop((drain, revocation));
        let open = || !drained.load(Ordering::SeqCst) && !released.load(Ordering::SeqCst);
        assert!(open());
        let settled = offsets.settle(running);
        assert!(open());
        drop(settled);
        assert!(drained.load(Ordering::SeqCst) && released.load(Ordering::SeqCst));
    }

    #[test]
    fn a_revoked_partition_with_nothing_to_do_is_let_go_at_once() {
        let mut offsets = Offsets::default();
        assign(&mut offsets, None, Instant::now());
        let (hold, released) = hold();
        assert_eq!(offsets.revoke(0, &hold), None);
        drop(hold);
        assert!(released.load(Ordering::SeqCst));
    }

    #[test]
    fn only_what_came_after_the_assignment_is_first_delivery_and_has_a_lag() {
        let now = Instant::now();
        let later = now + Duration::from_secs(9);
        let mut offsets = Offsets::default();
        assign(&mut offsets, Some(10), now);
        let backlog = offsets.read(0, 9, 0).unwrap();
        let fresh = offsets.read(0, 10, 0).unwrap();
        let idle = Some(now + Duration::from_secs(4));
        assert!(!offsets.is_first_delivery(backlog) && offsets.is_first_delivery(fresh));
        assert_eq!(offsets.lag(backlog, idle, later), None);
        assert_eq!(
            offsets.lag(fresh, idle, later),
            Some(Duration::from_secs(5))
        );
        assert_eq!(
            offsets.lag(fresh, None, later),
            Some(Duration::from_secs(9))
        );

        assign(&mut offsets, None, now);
        let unknown = offsets.read(0, 11, 0).unwrap();
        assert!(!offsets.is_first_delivery(unknown), "the end is unknown");
    }

    #[test]
    fn what_waited_for_an_assignment_waited_no_longer_than_the_server_is_there() {
        let start = Instant::now();
        let now = start + Duration::from_secs(3);
        let mut offsets = Offsets::default();
        offsets.start(&[Some(5), None], start);
        assign(&mut offsets, Some(10), now);
        let older = offsets.read(0, 4, 0).unwrap();
        let waited = offsets.read(0, 5, 0).unwrap();
        assert!(!offsets.is_first_delivery(waited));
        assert_eq!(offsets.lag(older, None, now), None);
        assert_eq!(offsets.lag(waited, None, now), Some(Duration::from_secs(3)));
        // The same numbers in a topic that was made anew say nothing.
        let anew = offsets.read(0, 5, 0).unwrap();
        assert_eq!(offsets.lag(anew, None, now), None);
    }

    #[test]
    fn a_topic_that_was_made_anew_starts_over() {
        let mut offsets = Offsets::default();
        assign(&mut offsets, Some(0), Instant::now());
        let old = offsets.read(0, 7, 0).unwrap();
        let new = offsets.read(0, 0, 0).unwrap();
        assert!(!offsets.is_first_delivery(new));
        assert_eq!(offsets.settle(old).commit, None);
        assert_eq!(offsets.settle(new).commit, Some(1));
    }
}
