//! One part of the registry: the pending calls whose numbers fall to it.

use std::task::Waker;
use std::time::Instant;

use crate::client::metadata::Times;
use crate::client::pending::deadlines::Deadlines;
use crate::client::pending::entry::{Entry, Report, State};
use crate::client::pending::slots::Slots;
use crate::client::pending::{Arrival, Awaits, Ending};
use crate::client::stats::ClientStats;
use crate::transport::Delivery;

/// How many calls expire under one lock.
const EXPIRE_AT_ONCE: usize = 256;

/// How many answered calls a shard remembers.
const RECENT: usize = 64;

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) calls: Slots<Entry>,
    deadlines: Deadlines,
    /// The calls answered last, each where its key falls: a duplicate reply is told from a late one
    /// by them. 0 is none, for keys are kept one higher.
    recent: [u64; RECENT],
    /// Of this shard alone; without what isn't counted by calls.
    pub(super) stats: ClientStats,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            calls: Slots::default(),
            deadlines: Deadlines::default(),
            recent: [0; RECENT],
            stats: ClientStats::default(),
        }
    }
}

impl Shard {
    pub(super) fn insert(&mut self, key: u64, deadline: i64, entry: Entry) {
        self.calls.insert(key, entry);
        self.deadlines.push(deadline, key);
        self.stats.in_flight += 1;
        self.stats.started += 1;
    }

    /// Inserts a call again that was answered: it goes on as if it hadn't been.
    pub(super) fn renew(&mut self, key: u64, deadline: i64, entry: Entry) {
        self.calls.insert(key, entry);
        self.deadlines.push(deadline, key);
        self.stats.in_flight += 1;
        self.stats.answered -= 1;
        self.stats.resent += 1;
    }

    /// Ends the call that waits for this reply, or counts why none does.
    pub(super) fn reply(
        &mut self,
        key: u64,
        envelope: Box<[u8]>,
        now: impl FnOnce() -> Instant,
    ) -> Option<Waker> {
        let recent = &mut self.recent[key as usize % RECENT];
        if let Some(entry) = self.calls.get_mut(key)
            && let State::Waiting(_, report) = &entry.state
            && entry.awaits != Awaits::Acknowledgement
        {
            *recent = key.wrapping_add(1);
            let arrival = entry.timed.then(|| {
                Box::new(Arrival {
                    at: now(),
                    acknowledged: match report {
                        Report::Persisted(at) => *at,
                        Report::Nothing | Report::Trouble(_) => None,
                    },
                })
            });
            return entry.end(Ending::Reply { envelope, arrival }, &mut self.stats);
        }
        if *recent == key.wrapping_add(1) {
            self.stats.duplicate_replies += 1;
        } else {
            self.stats.late_replies += 1;
        }
        None
    }

    /// Notes what became of a call's command.
    pub(super) fn delivered(
        &mut self,
        key: u64,
        delivery: Delivery,
        now: impl FnOnce() -> Instant,
    ) -> Option<Waker> {
        let entry = self.calls.get_mut(key)?;
        let State::Waiting(_, report) = &mut entry.state else {
            return None;
        };
        match delivery {
            Delivery::Persisted => {
                *report = Report::Persisted(entry.timed.then(now));
                if entry.awaits == Awaits::Acknowledgement {
                    return entry.end(Ending::Acknowledged, &mut self.stats);
                }
            }
            Delivery::NotPersisted(error) => {
                return entry.end(Ending::NotPersisted(error), &mut self.stats);
            }
            // It may be in the log, so its reply may still come: the deadline decides.
            Delivery::Unknown(error) => {
                *report = Report::Trouble(error.message.into_boxed_str());
            }
        }
        None
    }

    pub(super) fn expire(&mut self, key: u64) -> Option<Waker> {
        let entry = self.calls.get_mut(key)?;
        let State::Waiting(_, report) = &mut entry.state else {
            return None;
        };
        let (persisted, trouble) = match std::mem::replace(report, Report::Nothing) {
            Report::Nothing => (false, None),
            Report::Persisted(_) => (true, None),
            Report::Trouble(trouble) => (false, Some(trouble)),
        };
        entry.end(Ending::Expired { persisted, trouble }, &mut self.stats)
    }

    /// Ends calls whose deadline has come by `now`, but not many at once; says whether all are.
    pub(super) fn expire_due(&mut self, now: i64, wakers: &mut Vec<Waker>) -> bool {
        while wakers.len() < EXPIRE_AT_ONCE {
            let Some(key) = self.deadlines.pop_due(now) else {
                self.deadlines.shrink();
                return true;
            };
            wakers.extend(self.expire(key));
        }
        false
    }

    /// The earliest deadline of a waiting call.
    pub(super) fn next_deadline(&mut self) -> i64 {
        let calls = &self.calls;
        self.deadlines
            .earliest(|key| calls.get(key).is_some_and(Entry::waits))
    }

    /// Ends all calls like this.
    pub(super) fn end_all(
        &mut self,
        like: impl Fn(&Entry) -> bool,
        ending: impl Fn() -> Ending,
    ) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for entry in self.calls.values_mut() {
            if like(entry) {
                wakers.extend(entry.end(ending(), &mut self.stats));
            }
        }
        wakers
    }

    /// Takes a call out, with what it holds: to be dropped outside of the lock.
    #[must_use = "a waker is dropped outside of the lock"]
    pub(super) fn remove(&mut self, key: u64) -> Option<State> {
        let state = self.calls.remove(key)?.state;
        if let State::Waiting(..) = state {
            self.stats.in_flight -= 1;
        }
        let (calls, waiting) = (&self.calls, self.stats.in_flight as usize);
        self.deadlines
            .thin_out(waiting, |key| calls.get(key).is_some_and(Entry::waits));
        Some(state)
    }

    /// Adds the stages of an answered call to the totals.
    pub(super) fn timed(&mut self, times: &Times) {
        self.stats.stages.add(&times.into());
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> (usize, usize) {
        (self.calls.capacity(), self.deadlines.capacity())
    }
}
