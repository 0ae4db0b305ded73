//! One part of the registry: the pending calls whose numbers fall to it.

use std::task::Waker;
use std::time::Instant;

use super::deadlines::Deadlines;
use super::window::Window;
use super::{Awaits, Ending};
use crate::client::metadata::Times;
use crate::client::stats::ClientStats;
use crate::transport::Delivery;

/// How many calls expire under one lock.
const EXPIRE_AT_ONCE: usize = 256;

/// How many answered calls a shard remembers.
const RECENT: usize = 64;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) awaits: Awaits,
    /// Whether the time of the command's acknowledgement is asked for.
    pub(super) timed: bool,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Waiting(Waker, Report),
    Ended(Ending),
}

/// What the transport has reported about the command.
#[derive(Debug)]
pub(super) enum Report {
    Nothing,
    /// It is in the log, since this time if that is asked for.
    Persisted(Option<Instant>),
    /// It may be in the log.
    Trouble(Box<str>),
}

impl Entry {
    pub(super) const fn waits(&self) -> bool {
        matches!(self.state, State::Waiting(..))
    }
}

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) calls: Window<Entry>,
    deadlines: Deadlines,
    /// How many of the calls wait for their end.
    waiting: usize,
    /// The calls answered last, each where its key falls: a duplicate reply is told from a late one
    /// by them. 0 is none, for keys are kept one higher.
    recent: [u64; RECENT],
    /// Of this shard alone; without what isn't counted by calls.
    pub(super) stats: ClientStats,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            calls: Window::default(),
            deadlines: Deadlines::default(),
            waiting: 0,
            recent: [0; RECENT],
            stats: ClientStats::default(),
        }
    }
}

impl Shard {
    pub(super) fn insert(&mut self, key: u64, deadline: i64, entry: Entry) {
        self.calls.insert(key, entry);
        self.deadlines.push(deadline, key);
        self.waiting += 1;
        self.stats.started += 1;
    }

    /// Ends a waiting call; an ended one stays as it is.
    #[must_use = "a waker is woken and dropped outside of the lock"]
    pub(super) fn end(&mut self, key: u64, end: impl FnOnce(Report) -> Ending) -> Option<Waker> {
        let entry = self.calls.get_mut(key)?;
        if !entry.waits() {
            return None;
        }
        // Closed until the next line says how it has ended.
        let State::Waiting(waker, report) =
            std::mem::replace(&mut entry.state, State::Ended(Ending::Closed))
        else {
            return None;
        };
        let ending = end(report);
        self.stats.count(&ending);
        entry.state = State::Ended(ending);
        self.waiting -= 1;
        Some(waker)
    }

    /// Ends the call that waits for this reply, or counts why none does.
    pub(super) fn reply(&mut self, key: u64, envelope: Box<[u8]>, at: Instant) -> Option<Waker> {
        let slot = key as usize % RECENT;
        let waits = self
            .calls
            .get(key)
            .is_some_and(|entry| entry.waits() && entry.awaits != Awaits::Acknowledgement);
        if !waits {
            if self.recent[slot] == key.wrapping_add(1) {
                self.stats.duplicate_replies += 1;
            } else {
                self.stats.late_replies += 1;
            }
            return None;
        }
        self.recent[slot] = key.wrapping_add(1);
        self.end(key, |report| Ending::Reply {
            envelope,
            at,
            acknowledged: match report {
                Report::Persisted(at) => at,
                Report::Nothing | Report::Trouble(_) => None,
            },
        })
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
                    return self.end(key, |_| Ending::Acknowledged);
                }
            }
            Delivery::NotPersisted(error) => {
                return self.end(key, |_| Ending::NotPersisted(error));
            }
            // It may be in the log, so its reply may still come: the deadline decides.
            Delivery::Unknown(error) => {
                *report = Report::Trouble(error.message.into_boxed_str());
            }
        }
        None
    }

    pub(super) fn expire(&mut self, key: u64) -> Option<Waker> {
        self.end(key, |report| match report {
            Report::Nothing => Ending::Expired {
                persisted: false,
                trouble: None,
            },
            Report::Persisted(_) => Ending::Expired {
                persisted: true,
                trouble: None,
            },
            Report::Trouble(trouble) => Ending::Expired {
                persisted: false,
                trouble: Some(trouble),
            },
        })
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
            if entry.waits() && like(entry) {
                let ending = ending();
                self.stats.count(&ending);
                self.waiting -= 1;
                let ended = std::mem::replace(&mut entry.state, State::Ended(ending));
                if let State::Waiting(waker, _) = ended {
                    wakers.push(waker);
                }
            }
        }
        wakers
    }

    /// Takes a call out, with what it holds: to be dropped outside of the lock.
    #[must_use = "a waker is dropped outside of the lock"]
    pub(super) fn remove(&mut self, key: u64) -> Option<State> {
        let state = self.calls.remove(key)?.state;
        if let State::Waiting(..) = state {
            self.waiting -= 1;
        }
        let calls = &self.calls;
        self.deadlines
            .thin_out(self.waiting, |key| calls.get(key).is_some_and(Entry::waits));
        Some(state)
    }

    /// Adds the stages of an answered call to the totals.
    pub(super) fn timed(&mut self, times: &Times) {
        self.stats.stages.add(&times.into());
    }

    /// What this shard has counted.
    pub(super) fn stats(&self) -> ClientStats {
        ClientStats {
            in_flight: self.waiting as u64,
            ..self.stats
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> (usize, usize) {
        (self.calls.capacity(), self.deadlines.capacity())
    }
}
