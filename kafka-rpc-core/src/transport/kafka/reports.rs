//! When a producer's thread hears delivery reports: at once where somebody waits for one, else some
//! milliseconds late and many together.
//!
//! A thread that waits inside librdkafka is woken for every request that a broker answers, which at
//! low rates is one for each record, and each wake-up takes the CPU from a call on its way.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// How late a report is told that nobody waits for.
const DOZE: Duration = Duration::from_millis(5);

/// How long the thread sleeps when nothing is produced: how late an event is heard of then.
const SLEEP: Duration = Duration::from_millis(100);

/// After so many dozes in which nothing was produced it sleeps.
const DOZES: u32 = 20;

const AWAKE: u8 = 0;
const DOZING: u8 = 1;
const SLEEPING: u8 = 2;

/// Counts the records whose delivery isn't reported yet, and paces the thread that hears of it.
#[derive(Debug, Default)]
pub(super) struct Reports {
    produced: AtomicU64,
    reported: AtomicU64,
    /// Somebody waits until so many are reported. Reports of several partitions overtake each other,
    /// so one may be told as late as if nobody waited.
    awaited: AtomicU64,
    flushing: AtomicUsize,
    state: AtomicU8,
    lock: Mutex<()>,
    wake: Condvar,
    zero: Condvar,
}

/// What the thread knows of its last rounds.
#[derive(Debug, Default)]
pub(super) struct Lull {
    produced: u64,
    dozes: u32,
}

impl Reports {
    /// A record is about to be produced.
    pub(super) fn add(&self, urgent: bool) {
        let number = self.produced.fetch_add(1, Ordering::SeqCst) + 1;
        if urgent {
            self.awaited.fetch_max(number, Ordering::SeqCst);
        }
        // The thread says that it dozes before it looks whether a report is awaited, so one of both
        // sees the other.
        let state = self.state.load(Ordering::SeqCst);
        if state == SLEEPING || (urgent && state == DOZING) {
            self.rouse();
        }
    }

    /// So many records were reported, or not taken in the first place.
    pub(super) fn remove(&self, count: u64) {
        self.reported.fetch_add(count, Ordering::SeqCst);
        // Whoever waits has said so before it looked at the count, so one of both sees the other.
        if self.flushing.load(Ordering::SeqCst) > 0 && self.is_zero() {
            drop(lock(&self.lock));
            self.zero.notify_all();
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        // Read in this order, the difference is never too small.
        let reported = self.reported.load(Ordering::SeqCst);
        self.produced.load(Ordering::SeqCst) <= reported
    }

    /// Whether a report is to be told as soon as it comes.
    pub(super) fn is_awaited(&self) -> bool {
        self.flushing.load(Ordering::SeqCst) > 0
            || self.awaited.load(Ordering::SeqCst) > self.reported.load(Ordering::SeqCst)
    }

    /// Waits until every record is reported, or for `patience`.
    pub(super) fn wait(&self, patience: Duration) {
        self.flushing.fetch_add(1, Ordering::SeqCst);
        self.rouse();
        let until = Instant::now() + patience;
        let mut guard = lock(&self.lock);
        while !self.is_zero() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            guard = self
                .zero
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        drop(guard);
        self.flushing.fetch_sub(1, Ordering::SeqCst);
    }

    /// Ends the thread's rest.
    pub(super) fn rouse(&self) {
        drop(lock(&self.lock));
        self.wake.notify_one();
    }

    /// Rests until it is time to look for reports again, or until `stop` says so.
    pub(super) fn rest(&self, lull: &mut Lull, stop: impl Fn() -> bool) {
        let produced = self.produced.load(Ordering::SeqCst);
        if produced == lull.produced && self.is_zero() {
            lull.dozes = lull.dozes.saturating_add(1);
        } else {
            *lull = Lull { produced, dozes: 0 };
        }
        let (state, length) = if lull.dozes > DOZES {
            (SLEEPING, SLEEP)
        } else {
            (DOZING, DOZE)
        };
        let guard = lock(&self.lock);
        self.state.store(state, Ordering::SeqCst);
        let slept = state == SLEEPING && self.produced.load(Ordering::SeqCst) != produced;
        if !slept && !self.is_awaited() && !stop() {
            drop(
                self.wake
                    .wait_timeout(guard, length)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
        self.state.store(AWAKE, Ordering::SeqCst);
    }
}
