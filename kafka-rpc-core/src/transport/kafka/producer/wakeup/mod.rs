//! When a producer's thread hears delivery reports: at once where somebody waits for one, else some
//! milliseconds late and many together.
//!
//! A thread that waits inside librdkafka is woken for every request that a broker answers, which at
//! low rates is one for each record, and each wake-up takes the CPU from a call on its way. So the
//! thread rests here, and looks at librdkafka's queue when it wakes.
//!
//! # Who wakes it
//!
//! The thread says how it rests before it looks whether anybody waits. Whoever waits says so before
//! it looks how the thread rests. So at least one of both sees the other.

#[cfg(all(test, kafka_rpc_loom))]
mod models;
#[cfg(all(test, not(kafka_rpc_loom)))]
mod tests;

use std::time::{Duration, Instant};

use crate::util::lock_order::PRODUCER_WAKEUP;
use crate::util::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::util::sync::{Condvar, Mutex, lock};

/// How late a report is told that nobody waits for.
const DEFERRED_TIMEOUT: Duration = Duration::from_millis(10);

/// How late one is found that somebody waits for, if it was overlooked.
const URGENT_TIMEOUT: Duration = Duration::from_millis(5);

/// How long the thread rests when nothing is produced: how late an event is heard of then.
const IDLE_TIMEOUT: Duration = Duration::from_millis(100);

/// After so many rounds in which nothing was produced the thread is idle.
const ROUNDS_UNTIL_IDLE: u32 = 20;

/// How the thread rests.
mod rest {
    /// It doesn't.
    pub(super) const AWAKE: u8 = 0;
    /// Records are in flight, and nobody waits for a report.
    pub(super) const DEFERRED: u8 = 1;
    /// Nothing has been produced for a while.
    pub(super) const IDLE: u8 = 2;
    /// Somebody waits for a report.
    pub(super) const URGENT: u8 = 3;
}

/// Counts the records whose delivery isn't reported yet, and wakes the thread that hears of it.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct Wakeup {
    produced: AtomicU64,
    reported: AtomicU64,
    /// Somebody waits until so many are reported. Reports of several partitions overtake each other,
    /// so one may be told as late as if nobody waited.
    awaited: AtomicU64,
    flushing: AtomicUsize,
    /// One of [`rest`].
    state: AtomicU8,
    /// Something has come since the thread last looked.
    alerted: AtomicBool,
    lock: Mutex<(), PRODUCER_WAKEUP>,
    wake: Condvar,
    zero: Condvar,
}

/// What the thread knows of its last rounds.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct IdleTracker {
    produced: u64,
    quiet_rounds: u32,
    held: bool,
}

impl IdleTracker {
    /// Whether records are held back now and were in the round before, too.
    pub(in crate::transport::kafka) fn was_held(&mut self, held: bool) -> bool {
        std::mem::replace(&mut self.held, held) && held
    }

    /// A round has ended, in which so many records had been produced in all.
    fn end_round(&mut self, produced: u64, nothing_in_flight: bool) {
        if produced == self.produced && nothing_in_flight {
            self.quiet_rounds = self.quiet_rounds.saturating_add(1);
        } else {
            self.produced = produced;
            self.quiet_rounds = 0;
        }
    }

    const fn is_idle(&self) -> bool {
        self.quiet_rounds > ROUNDS_UNTIL_IDLE
    }
}

impl Wakeup {
    /// A record is about to be produced. If `urgent`, somebody waits for its report.
    pub(in crate::transport::kafka) fn on_produce(&self, urgent: bool) {
        let number = self.produced.fetch_add(1, Ordering::SeqCst) + 1;
        if urgent {
            self.awaited.fetch_max(number, Ordering::SeqCst);
        }
        self.end_rest(rest::IDLE);
        if urgent {
            self.end_rest(rest::DEFERRED);
        }
    }

    /// The thread looks now: what comes from now on alerts it again.
    pub(in crate::transport::kafka) fn begin_round(&self) {
        self.alerted.store(false, Ordering::SeqCst);
    }

    /// Something has come into librdkafka's queue, which was empty.
    pub(in crate::transport::kafka) fn on_alert(&self) {
        self.alerted.store(true, Ordering::SeqCst);
        self.end_rest(rest::URGENT);
    }

    /// So many records were reported, or not taken in the first place.
    pub(in crate::transport::kafka) fn on_reported(&self, count: u64) {
        self.reported.fetch_add(count, Ordering::SeqCst);
        // Whoever flushes has said so before it looked at the count, so one of both sees the other.
        if self.flushing.load(Ordering::SeqCst) > 0 && self.is_zero() {
            drop(lock(&self.lock));
            self.zero.notify_all();
        }
    }

    /// Whether every record is reported.
    pub(in crate::transport::kafka) fn is_zero(&self) -> bool {
        // Read in this order, the difference is never too small.
        let reported = self.reported.load(Ordering::SeqCst);
        self.produced.load(Ordering::SeqCst) <= reported
    }

    /// Whether a report is to be told as soon as it comes.
    fn is_urgent(&self) -> bool {
        self.flushing.load(Ordering::SeqCst) > 0
            || self.awaited.load(Ordering::SeqCst) > self.reported.load(Ordering::SeqCst)
    }

    /// Waits until every record is reported, for `timeout` at most.
    pub(in crate::transport::kafka) fn flush(&self, timeout: Duration) {
        self.flushing.fetch_add(1, Ordering::SeqCst);
        self.end_any_rest();
        let until = Instant::now() + timeout;
        let mut guard = lock(&self.lock);
        while !self.is_zero() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            guard = self.zero.wait_timeout(guard, left);
        }
        drop(guard);
        self.flushing.fetch_sub(1, Ordering::SeqCst);
    }

    /// Somebody waits for the next report: has the thread look again, unless it does anyway.
    pub(in crate::transport::kafka) fn on_waiting(&self) {
        self.end_rest(rest::DEFERRED);
        self.end_rest(rest::IDLE);
    }

    /// Ends such a rest; of many who ask for that at once, one wakes the thread.
    fn end_rest(&self, rest: u8) {
        if self.state.load(Ordering::SeqCst) == rest
            && self
                .state
                .compare_exchange(rest, rest::AWAKE, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        {
            self.end_any_rest();
        }
    }

    /// Ends the thread's rest, whatever kind it is.
    pub(in crate::transport::kafka) fn end_any_rest(&self) {
        // Whoever is about to rest holds the lock until it does.
        drop(lock(&self.lock));
        self.wake.notify_one();
    }

    /// Rests until it is time to look for reports again. That is when there is one, if somebody waits
    /// for it, as `waits` may say too. Doesn't rest if `stop` says so.
    pub(in crate::transport::kafka) fn rest(
        &self,
        idle: &mut IdleTracker,
        waits: impl Fn() -> bool,
        stop: impl Fn() -> bool,
    ) {
        let produced = self.produced.load(Ordering::SeqCst);
        idle.end_round(produced, self.is_zero());
        let (state, length) = if idle.is_idle() {
            (rest::IDLE, IDLE_TIMEOUT)
        } else {
            (rest::DEFERRED, DEFERRED_TIMEOUT)
        };
        let guard = lock(&self.lock);
        self.state.store(state, Ordering::SeqCst);
        let urgent = self.is_urgent() || waits();
        if urgent {
            self.state.store(rest::URGENT, Ordering::SeqCst);
        }
        let missed = if urgent {
            self.alerted.load(Ordering::SeqCst)
        } else {
            state == rest::IDLE && self.produced.load(Ordering::SeqCst) != produced
        };
        if !missed && !stop() {
            // An alert comes only when the queue was empty: what was overlooked is found soon.
            let length = if urgent { URGENT_TIMEOUT } else { length };
            drop(self.wake.wait_timeout(guard, length));
        }
        self.state.store(rest::AWAKE, Ordering::SeqCst);
    }
}

#[cfg(not(kafka_rpc_loom))]
impl crate::transport::kafka::ffi::Alerted for Wakeup {
    fn alert(&self) {
        self.on_alert();
    }
}
