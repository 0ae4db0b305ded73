//! The pending calls of one client, and the only place where a call ends.
//!
//! An entry is made before its command is handed to the transport, so that no reply can come too
//! early, and lives until its [`Pending`](super::send::Pending) guard is dropped. Whoever ends a
//! call, be it the listener, the alarm, the delivery report or the closing of the client, moves the
//! entry from waiting to ended, once, and wakes the caller after the lock is released.
//!
//! Wakers are dropped after it is released, too: the last one of a task may drop the task, and with
//! it other calls of this registry.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::task::{Poll, Waker};
use std::time::Instant;

use crate::sync::lock;
use crate::transport::{Delivery, DeliverySink, Tick, TransportError};

use super::stats::{ClientStats, Recent};

/// The token of records whose delivery nobody waits for, such as cancels.
pub(super) const NO_CALL: u64 = u64::MAX;

/// A table that has grown beyond this shrinks again once it is mostly empty.
const KEEP_CAPACITY: usize = 1024;

/// How a call ended, as far as the registry knows.
#[derive(Debug)]
pub(super) enum Ending {
    /// A reply came: its envelope, still encoded, and when it came.
    Reply(Vec<u8>, Instant),
    /// The log has the command of a one-way call.
    Acknowledged,
    /// The deadline passed.
    Expired {
        /// Whether the command is known to be in the log.
        persisted: bool,
        /// What the transport last reported about the command.
        trouble: Option<Box<str>>,
    },
    /// The command certainly isn't in the log.
    NotPersisted(TransportError),
    /// The results topic lost records, of which one may have been the reply.
    Gap,
    /// The client was closed.
    Closed,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaits {
    /// A reply on the listener with this number.
    Reply { lane: u64 },
    /// That the command is in the log.
    Acknowledgement,
}

/// Why a call can't be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Closed,
    Full,
}

#[derive(Debug)]
struct Entry {
    deadline: Instant,
    awaits: Awaits,
    persisted: bool,
    trouble: Option<Box<str>>,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    Ended(Ending),
}

#[derive(Debug, Default)]
struct Table {
    calls: HashMap<u64, Entry>,
    /// One element for each waiting call, none for an ended one.
    deadlines: BTreeSet<(Instant, u64)>,
    closed: bool,
    recent: Recent,
    stats: ClientStats,
}

/// The pending calls of one client.
#[derive(Debug)]
pub(super) struct Registry {
    table: Mutex<Table>,
    capacity: usize,
}

impl Registry {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            table: Mutex::default(),
            capacity,
        }
    }

    /// Makes an entry; says whether its deadline is now the earliest, so that the alarm must know.
    pub(super) fn insert(
        &self,
        sequence: u64,
        deadline: Instant,
        awaits: Awaits,
        waker: Waker,
    ) -> Result<bool, Refusal> {
        let mut table = lock(&self.table);
        if table.closed {
            return Err(Refusal::Closed);
        }
        if table.calls.len() >= self.capacity {
            table.stats.refused += 1;
            return Err(Refusal::Full);
        }
        table.calls.insert(
            sequence,
            Entry {
                deadline,
                awaits,
                persisted: false,
                trouble: None,
                state: State::Waiting(Some(waker)),
            },
        );
        table.deadlines.insert((deadline, sequence));
        table.stats.started += 1;
        Ok(table.deadlines.first() == Some(&(deadline, sequence)))
    }

    /// Takes the ending of a call, or leaves the waker to be woken by it.
    pub(super) fn poll(&self, sequence: u64, waker: &Waker) -> Poll<Ending> {
        let mut table = lock(&self.table);
        match table.calls.get_mut(&sequence) {
            Some(Entry {
                state: State::Waiting(slot),
                ..
            }) => {
                if !slot.as_ref().is_some_and(|held| held.will_wake(waker)) {
                    let old = slot.replace(waker.clone());
                    drop(table);
                    drop(old);
                }
                Poll::Pending
            }
            _ => match table.remove(sequence) {
                Some(State::Ended(ending)) => Poll::Ready(ending),
                // An entry lives as long as its guard, and the guard polls only until the ending.
                Some(State::Waiting(_)) | None => Poll::Ready(Ending::Closed),
            },
        }
    }

    /// Removes the entry of a dropped call; says whether it was still waiting, so that the server
    /// is worth telling.
    pub(super) fn forget(&self, sequence: u64) -> bool {
        let mut table = lock(&self.table);
        let removed = table.remove(sequence);
        let waiting = matches!(removed, Some(State::Waiting(_)));
        if waiting {
            table.stats.cancelled += 1;
        }
        drop(table);
        waiting
    }

    /// Removes an entry whose command was never handed over.
    pub(super) fn withdraw(&self, sequence: u64) {
        let mut table = lock(&self.table);
        let removed = table.remove(sequence);
        // One that the alarm or a close has ended meanwhile is counted already.
        if matches!(removed, Some(State::Waiting(_))) {
            table.stats.failed += 1;
        }
        drop(table);
    }

    /// Gives a reply to the call that waits for it, or counts why nobody does.
    pub(super) fn reply(&self, sequence: u64, value: &[u8], now: Instant) {
        // Copied before the lock, which every caller needs; few replies come in vain.
        let value = value.to_vec();
        let mut table = lock(&self.table);
        let waits = table.calls.get(&sequence).is_some_and(|entry| {
            matches!(entry.state, State::Waiting(_)) && entry.awaits != Awaits::Acknowledgement
        });
        if !waits {
            if table.recent.contains(sequence) {
                table.stats.duplicate_replies += 1;
            } else {
                table.stats.late_replies += 1;
            }
            return;
        }
        table.recent.push(sequence);
        let waker = table.end(sequence, Ending::Reply(value, now));
        drop(table);
        wake(waker);
    }

    /// Counts a record of the results topic that is another client's.
    pub(super) fn foreign(&self) {
        lock(&self.table).stats.foreign_replies += 1;
    }

    /// Ends the calls that wait on a listener which has lost records.
    pub(super) fn gap(&self, lane: u64) {
        lock(&self.table).stats.gaps += 1;
        self.end_all(
            |entry| entry.awaits == Awaits::Reply { lane },
            || Ending::Gap,
        );
    }

    /// Ends every call, now and from now on.
    pub(super) fn close(&self) {
        lock(&self.table).closed = true;
        self.end_all(|_| true, || Ending::Closed);
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.table).closed
    }

    /// Ends a call as expired although no alarm rang, because nothing runs that could ring it.
    pub(super) fn expire(&self, sequence: u64) {
        let mut table = lock(&self.table);
        let waker = table.expire(sequence);
        drop(table);
        wake(waker);
    }

    pub(super) fn stats(&self) -> ClientStats {
        let table = lock(&self.table);
        ClientStats {
            in_flight: table.deadlines.len() as u64,
            ..table.stats
        }
    }

    fn end_all(&self, matches: impl Fn(&Entry) -> bool, ending: impl Fn() -> Ending) {
        let mut table = lock(&self.table);
        let hit: Vec<u64> = table
            .deadlines
            .iter()
            .map(|(_, sequence)| *sequence)
            .filter(|sequence| table.calls.get(sequence).is_some_and(&matches))
            .collect();
        let wakers: Vec<_> = hit
            .into_iter()
            .map(|sequence| table.end(sequence, ending()))
            .collect();
        drop(table);
        wakers.into_iter().for_each(wake);
    }
}

impl Table {
    /// Ends a waiting call; an ended one stays as it is.
    fn end(&mut self, sequence: u64, ending: Ending) -> Option<Waker> {
        let entry = self.calls.get_mut(&sequence)?;
        let State::Waiting(waker) = &mut entry.state else {
            return None;
        };
        let waker = waker.take();
        self.stats.count(&ending);
        entry.state = State::Ended(ending);
        self.deadlines.remove(&(entry.deadline, sequence));
        waker
    }

    fn expire(&mut self, sequence: u64) -> Option<Waker> {
        let entry = self.calls.get_mut(&sequence)?;
        let ending = Ending::Expired {
            persisted: entry.persisted,
            trouble: entry.trouble.take(),
        };
        self.end(sequence, ending)
    }

    fn remove(&mut self, sequence: u64) -> Option<State> {
        let entry = self.calls.remove(&sequence)?;
        self.deadlines.remove(&(entry.deadline, sequence));
        if self.calls.capacity() > KEEP_CAPACITY && self.calls.len() < self.calls.capacity() / 8 {
            self.calls
                .shrink_to(KEEP_CAPACITY.max(self.calls.len() * 2));
        }
        Some(entry.state)
    }
}

impl Tick for Registry {
    fn tick(&self, now: Instant) -> Option<Instant> {
        let mut wakers = Vec::new();
        let mut table = lock(&self.table);
        while let Some(&(deadline, sequence)) = table.deadlines.first() {
            if deadline > now {
                break;
            }
            wakers.push(table.expire(sequence));
        }
        let next = table.deadlines.first().map(|(deadline, _)| *deadline);
        drop(table);
        wakers.into_iter().for_each(wake);
        next
    }
}

impl DeliverySink for Registry {
    fn delivered(&self, token: u64, delivery: Delivery) {
        if token == NO_CALL {
            return;
        }
        let mut table = lock(&self.table);
        let Some(entry) = table.calls.get_mut(&token) else {
            return;
        };
        let waker = match delivery {
            Delivery::Persisted => {
                entry.persisted = true;
                if entry.awaits == Awaits::Acknowledgement {
                    table.end(token, Ending::Acknowledged)
                } else {
                    None
                }
            }
            Delivery::NotPersisted(error) => table.end(token, Ending::NotPersisted(error)),
            // It may be in the log, so its reply may still come: the deadline decides.
            Delivery::Unknown(error) => {
                entry.trouble = Some(error.message.into_boxed_str());
                None
            }
        };
        drop(table);
        wake(waker);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
