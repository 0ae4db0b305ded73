//! The pending calls of one client, and the only place where a call ends.
//!
//! An entry is made before its command is handed to the transport, so that no reply can come too
//! early, and lives until its [`SentCall`](crate::client::outbound::sent::SentCall) guard is dropped. Whoever ends a
//! call, be it the listener, the alarm, the delivery report or the closing of the client, moves the
//! entry from waiting to ended, once, and wakes the caller after the lock is released.
//!
//! Calls are dealt out to shards by their numbers, each behind a lock of its own, so that those who
//! begin calls and those who end them seldom meet.
//!
//! Wakers are dropped after the lock is released, too: the last one of a task may drop the task,
//! and with it other calls of this registry.

mod counts;
mod deadlines;
mod ending;
mod entry;
mod shard;
mod slots;

use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::transport::{Delivery, MAX_TOKEN, Tick};
use crate::util::lock_order::REGISTRY_SHARD;
use crate::util::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use crate::util::sync::{Mutex, MutexGuard, lock};

use crate::client::metadata::Times;
use crate::client::stats::ClientStats;
use deadlines::NEVER;
pub(super) use ending::{Arrival, Awaits, Ending, Refusal};
use entry::{Entry, State};
use shard::Shard;

/// The token of records whose delivery nobody waits for, such as cancels.
pub(super) const NO_CALL: u64 = MAX_TOKEN;

/// Fewer in a model, which would otherwise check that each of them is locked in turn.
const SHARDS: usize = if cfg!(kafka_rpc_loom) { 2 } else { 16 };

/// On a cache line of its own, and on that which processors fetch along with it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

type ShardGuard<'a> = MutexGuard<'a, Shard, REGISTRY_SHARD>;

/// The pending calls of one client.
#[derive(Debug)]
pub(super) struct Registry {
    shards: [Apart<Mutex<Shard, REGISTRY_SHARD>>; SHARDS],
    /// Entries of all shards; never more than `capacity`, but for calls that are sent again.
    entries: Apart<AtomicUsize>,
    /// The alarm was told to ring at this time or earlier.
    rings: AtomicI64,
    closed: AtomicBool,
    capacity: usize,
    /// Deadlines are nanoseconds from here.
    origin: Instant,
    foreign: AtomicU64,
    gaps: AtomicU64,
}

impl Registry {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            shards: Default::default(),
            entries: Apart::default(),
            rings: AtomicI64::new(NEVER),
            closed: AtomicBool::new(false),
            capacity,
            origin: Instant::now(),
            foreign: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
        }
    }

    /// Makes an entry; says whether its deadline is now the earliest, so that the alarm must know.
    ///
    /// If `timed`, its reply comes with its [`Arrival`].
    pub(super) fn insert(
        &self,
        sequence: u64,
        deadline: Instant,
        awaits: Awaits,
        timed: bool,
        waker: Waker,
    ) -> Result<bool, Refusal> {
        let entry = Entry::new(awaits, timed, waker);
        self.enter(sequence, deadline, entry, false)
    }

    /// The same for a call that was answered and whose command is sent again, since the answer was none.
    /// It had its place a moment ago, and has it back whoever else came since.
    pub(super) fn renew(
        &self,
        sequence: u64,
        deadline: Instant,
        awaits: Awaits,
        timed: bool,
        waker: Waker,
    ) -> Result<bool, Refusal> {
        let entry = Entry::new(awaits, timed, waker);
        self.enter(sequence, deadline, entry, true)
    }

    fn enter(
        &self,
        sequence: u64,
        deadline: Instant,
        entry: Entry,
        again: bool,
    ) -> Result<bool, Refusal> {
        let deadline = self.nanos(deadline);
        if self.is_closed() {
            return Err(Refusal::Closed);
        }
        let (mut shard, key) = self.shard(sequence);
        if again {
            self.entries.0.fetch_add(1, Ordering::Relaxed);
        } else if !self.admit() {
            shard.stats.refused += 1;
            drop(shard);
            return Err(Refusal::Full);
        }
        // Looked at again under the lock: `close` says so before it locks this shard to end what is
        // in it, so whatever it doesn't find there is refused here.
        if self.is_closed() {
            drop(shard);
            self.entries.0.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::Closed);
        }
        if again {
            shard.renew(key, deadline, entry);
        } else {
            shard.insert(key, deadline, entry);
        }
        // Under the lock: a tick says `NEVER` before it locks this shard to look for the earliest,
        // so either the tick finds the entry, or this finds `NEVER` or something newer.
        let earliest = deadline < self.rings.load(Ordering::Relaxed)
            && deadline < self.rings.fetch_min(deadline, Ordering::Relaxed);
        Ok(earliest)
    }

    /// Takes the ending of a call, or leaves the waker to be woken by it.
    pub(super) fn poll(&self, sequence: u64, waker: &Waker) -> Poll<Ending> {
        let (mut shard, key) = self.shard(sequence);
        if let Some(Entry {
            state: State::Waiting(held, _),
            ..
        }) = shard.calls.get_mut(key)
        {
            if !held.will_wake(waker) {
                let old = std::mem::replace(held, waker.clone());
                drop(shard);
                drop(old);
            }
            return Poll::Pending;
        }
        match self.remove(shard, key) {
            Some(State::Ended(ending)) => Poll::Ready(ending),
            // An entry lives as long as its guard, and the guard polls only until the ending.
            Some(State::Waiting(..)) | None => Poll::Ready(Ending::Closed),
        }
    }

    /// Removes the entry of a dropped call; says whether it was still waiting, so that the server
    /// is worth telling.
    pub(super) fn forget(&self, sequence: u64) -> bool {
        self.abandon(sequence, |stats| &mut stats.cancelled)
    }

    /// Removes an entry whose command was never handed over.
    pub(super) fn withdraw(&self, sequence: u64) {
        self.abandon(sequence, |stats| &mut stats.failed);
    }

    /// Removes an entry, and counts it unless something has ended it, and counted it, already.
    fn abandon(&self, sequence: u64, counter: fn(&mut ClientStats) -> &mut u64) -> bool {
        let (mut shard, key) = self.shard(sequence);
        let waiting = shard.calls.get(key).is_some_and(Entry::waits);
        if waiting {
            *counter(&mut shard.stats) += 1;
        }
        drop(self.remove(shard, key));
        waiting
    }

    /// Gives a reply to the call that waits for it, or counts why nobody does; asks for the time
    /// only if the call does.
    pub(super) fn reply(&self, sequence: u64, envelope: &[u8], now: impl FnOnce() -> Instant) {
        // Copied before the lock, which callers need; few replies come in vain.
        let envelope = Box::from(envelope);
        let (mut shard, key) = self.shard(sequence);
        let waker = shard.reply(key, envelope, now);
        drop(shard);
        wake(waker);
    }

    /// Notes what became of the command of a call; asks for the time only if the call does.
    pub(super) fn delivered(&self, token: u64, delivery: Delivery, now: impl FnOnce() -> Instant) {
        if token == NO_CALL {
            return;
        }
        let (mut shard, key) = self.shard(token);
        let waker = shard.delivered(key, delivery, now);
        drop(shard);
        wake(waker);
    }

    /// Counts a record of the results topic that is another client's.
    pub(super) fn foreign(&self) {
        self.foreign.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the calls that wait on a listener which has lost records.
    pub(super) fn gap(&self, lane: u32) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
        self.end_all(
            |entry| entry.awaits == Awaits::Reply { lane },
            || Ending::Gap,
        );
    }

    /// Ends every call, now and from now on.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.end_all(|_| true, || Ending::Closed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Ends a call as expired although no alarm rang, because nothing runs that could ring it.
    pub(super) fn expire(&self, sequence: u64) {
        let (mut shard, key) = self.shard(sequence);
        let waker = shard.expire(key);
        drop(shard);
        wake(waker);
    }

    /// Adds the stages of an answered call to the totals.
    pub(super) fn timed(&self, sequence: u64, times: &Times) {
        self.shard(sequence).0.timed(times);
    }

    pub(super) fn stats(&self) -> ClientStats {
        let mut stats = ClientStats {
            foreign_replies: self.foreign.load(Ordering::Relaxed),
            gaps: self.gaps.load(Ordering::Relaxed),
            ..ClientStats::default()
        };
        for shard in &self.shards {
            stats.add(&lock(&shard.0).stats);
        }
        stats
    }

    /// Locks the shard of a call; the key is the call's in there.
    fn shard(&self, sequence: u64) -> (ShardGuard<'_>, u64) {
        const COUNT: u64 = SHARDS as u64;
        let shard = &self.shards[(sequence % COUNT) as usize];
        (lock(&shard.0), sequence / COUNT)
    }

    /// How many calls have an entry.
    pub(super) fn in_flight(&self) -> usize {
        self.entries.0.load(Ordering::Relaxed)
    }

    /// Counts one more entry, unless there are as many as may be.
    fn admit(&self) -> bool {
        // Not added first and taken back: that would refuse others for a moment.
        let more = |entries| (entries < self.capacity).then_some(entries + 1);
        self.entries
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    /// Removes an entry and unlocks; what it held is dropped by the caller.
    fn remove(&self, mut shard: ShardGuard<'_>, key: u64) -> Option<State> {
        let state = shard.remove(key)?;
        drop(shard);
        self.entries.0.fetch_sub(1, Ordering::Relaxed);
        Some(state)
    }

    fn end_all(&self, like: impl Fn(&Entry) -> bool, ending: impl Fn() -> Ending) {
        for shard in &self.shards {
            let wakers = lock(&shard.0).end_all(&like, &ending);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Negative before the origin, where a paused clock may stand.
    fn nanos(&self, at: Instant) -> i64 {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(NEVER - 1);
        match at.checked_duration_since(self.origin) {
            Some(after) => nanos(after),
            None => -nanos(self.origin - at),
        }
    }

    fn instant(&self, nanos: i64) -> Instant {
        let distance = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 {
            self.origin - distance
        } else {
            self.origin + distance
        }
    }
}

impl Tick for Registry {
    fn tick(&self, now: Instant) -> Option<Instant> {
        // Before any shard is locked; see `insert`.
        self.rings.store(NEVER, Ordering::Relaxed);
        let now = self.nanos(now);
        let mut next = NEVER;
        let mut wakers = Vec::new();
        for shard in &self.shards {
            loop {
                let mut shard = lock(&shard.0);
                let done = shard.expire_due(now, &mut wakers);
                if done {
                    next = next.min(shard.next_deadline());
                }
                drop(shard);
                wakers.drain(..).for_each(Waker::wake);
                if done {
                    break;
                }
            }
        }
        self.rings.fetch_min(next, Ordering::Relaxed);
        (next < NEVER).then(|| self.instant(next))
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(kafka_rpc_loom)]
#[cfg(test)]
mod models;
#[cfg(not(kafka_rpc_loom))]
#[cfg(test)]
mod races;
#[cfg(not(kafka_rpc_loom))]
#[cfg(test)]
mod tests;
