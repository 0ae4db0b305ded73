//! When a producer's thread hears delivery reports: at once where somebody waits for one, else some
//! milliseconds late and many together.
//!
//! A thread that waits inside librdkafka is woken for every request that a broker answers, which at
//! low rates is one for each record, and each wake-up takes the CPU from a call on its way.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::transport::kafka::ffi::Alerted;
use crate::util::sync::lock;

/// How late a report is told that nobody waits for.
const DOZE: Duration = Duration::from_millis(10);

/// How late one is found that somebody waits for, if it was overlooked.
const LISTEN: Duration = Duration::from_millis(5);

/// How long the thread sleeps when nothing is produced: how late an event is heard of then.
const SLEEP: Duration = Duration::from_millis(100);

/// After so many dozes in which nothing was produced it sleeps.
const DOZES: u32 = 20;

const AWAKE: u8 = 0;
const DOZING: u8 = 1;
const SLEEPING: u8 = 2;
/// Somebody waits for a report.
const LISTENING: u8 = 3;

/// Counts the records whose delivery isn't reported yet, and paces the thread that hears of it.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct Reports {
    produced: AtomicU64,
    reported: AtomicU64,
    /// Somebody waits until so many are reported. Reports of several partitions overtake each other,
    /// so one may be told as late as if nobody waited.
    awaited: AtomicU64,
    flushing: AtomicUsize,
    state: AtomicU8,
    /// Something has come since the thread last looked.
    alerted: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
    zero: Condvar,
}

/// What the thread knows of its last rounds.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct Lull {
    produced: u64,
    dozes: u32,
    held: bool,
}

impl Lull {
    /// Whether records are held back now and were in the round before, too.
    pub(in crate::transport::kafka) fn was_held(&mut self, held: bool) -> bool {
        std::mem::replace(&mut self.held, held) && held
    }
}

impl Reports {
    /// A record is about to be produced.
    pub(in crate::transport::kafka) fn add(&self, urgent: bool) {
        let number = self.produced.fetch_add(1, Ordering::SeqCst) + 1;
        if urgent {
            self.awaited.fetch_max(number, Ordering::SeqCst);
        }
        // The thread says that it dozes before it looks whether a report is awaited, so one of both
        // sees the other.
        self.rouse_from(SLEEPING);
        if urgent {
            self.rouse_from(DOZING);
        }
    }

    /// The thread looks now: what comes from now on alerts it again.
    pub(in crate::transport::kafka) fn attend(&self) {
        self.alerted.store(false, Ordering::SeqCst);
    }

    /// So many records were reported, or not taken in the first place.
    pub(in crate::transport::kafka) fn remove(&self, count: u64) {
        self.reported.fetch_add(count, Ordering::SeqCst);
        // Whoever waits has said so before it looked at the count, so one of both sees the other.
        if self.flushing.load(Ordering::SeqCst) > 0 && self.is_zero() {
            drop(lock(&self.lock));
            self.zero.notify_all();
        }
    }

    pub(in crate::transport::kafka) fn is_zero(&self) -> bool {
        // Read in this order, the difference is never too small.
        let reported = self.reported.load(Ordering::SeqCst);
        self.produced.load(Ordering::SeqCst) <= reported
    }

    /// Whether a report is to be told as soon as it comes.
    pub(in crate::transport::kafka) fn is_awaited(&self) -> bool {
        self.flushing.load(Ordering::SeqCst) > 0
            || self.awaited.load(Ordering::SeqCst) > self.reported.load(Ordering::SeqCst)
    }

    /// Waits until every record is reported, or for `patience`.
    pub(in crate::transport::kafka) fn wait(&self, patience: Duration) {
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

    /// Has the thread look again whether to listen.
    pub(in crate::transport::kafka) fn rouse_if_resting(&self) {
        self.rouse_from(DOZING);
        self.rouse_from(SLEEPING);
    }

    /// Ends such a rest; of many who ask for that at once, one wakes the thread.
    fn rouse_from(&self, rest: u8) {
        if self.state.load(Ordering::SeqCst) == rest
            && self
                .state
                .compare_exchange(rest, AWAKE, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        {
            self.rouse();
        }
    }

    /// Ends the thread's rest.
    pub(in crate::transport::kafka) fn rouse(&self) {
        drop(lock(&self.lock));
        self.wake.notify_one();
    }

    /// Rests until it is time to look for reports again: when there is one, if somebody waits for it,
    /// as `listens` may say too. Doesn't rest if `stop` says so.
    pub(in crate::transport::kafka) fn rest(
        &self,
        lull: &mut Lull,
        listens: impl Fn() -> bool,
        stop: impl Fn() -> bool,
    ) {
        let produced = self.produced.load(Ordering::SeqCst);
        if produced == lull.produced && self.is_zero() {
            lull.dozes = lull.dozes.saturating_add(1);
        } else {
            lull.produced = produced;
            lull.dozes = 0;
        }
        let (state, length) = if lull.dozes > DOZES {
            (SLEEPING, SLEEP)
        } else {
            (DOZING, DOZE)
        };
        let guard = lock(&self.lock);
        self.state.store(state, Ordering::SeqCst);
        // Whoever changes what is looked at here looks at the state afterwards.
        let listens = self.is_awaited() || listens();
        if listens {
            self.state.store(LISTENING, Ordering::SeqCst);
        }
        let missed = if listens {
            self.alerted.load(Ordering::SeqCst)
        } else {
            state == SLEEPING && self.produced.load(Ordering::SeqCst) != produced
        };
        if !missed && !stop() {
            // An alert comes only when a queue was empty before: what was overlooked is found soon.
            let length = if listens { LISTEN } else { length };
            drop(
                self.wake
                    .wait_timeout(guard, length)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
        self.state.store(AWAKE, Ordering::SeqCst);
    }
}

impl Alerted for Reports {
    fn alert(&self) {
        self.alerted.store(true, Ordering::SeqCst);
        self.rouse_from(LISTENING);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    #[test]
    fn a_report_is_awaited_until_as_many_came_as_were_produced_by_then() {
        let reports = Reports::default();
        reports.add(false);
        assert!(!reports.is_awaited());
        reports.add(true);
        reports.add(false);
        assert!(reports.is_awaited());
        reports.remove(2);
        assert!(!reports.is_awaited() && !reports.is_zero());
        reports.remove(1);
        assert!(reports.is_zero());
    }

    #[test]
    fn whoever_waits_for_all_reports_waits_until_they_have_come() {
        let reports = Reports::default();
        reports.wait(Duration::ZERO);
        reports.add(false);
        reports.wait(Duration::ZERO);
        assert!(!reports.is_zero(), "that was too short");
        thread::scope(|scope| {
            scope.spawn(|| {
                while !reports.is_awaited() {
                    thread::yield_now();
                }
                reports.remove(1);
            });
            reports.wait(SOON);
            assert!(reports.is_zero());
        });
    }

    #[test]
    fn nobody_rests_who_is_to_stop() {
        let reports = Reports::default();
        let mut lull = Lull::default();
        let start = Instant::now();
        for _ in 0..=DOZES + 100 {
            reports.rest(&mut lull, || false, || true);
        }
        assert!(start.elapsed() < SLEEP, "no round of these rests");
    }

    #[test]
    fn what_comes_while_somebody_listens_ends_the_rest() {
        let reports = Reports::default();
        let mut lull = Lull::default();
        reports.attend();
        reports.alert();
        // Alerted before it rests, it doesn't: a thousand rests would take seconds.
        let start = Instant::now();
        for _ in 0..1_000 {
            reports.rest(&mut lull, || true, || false);
        }
        assert!(start.elapsed() < 200 * LISTEN);
    }
}
