//! A watchdog over the thread that polls: a second thread takes over from one that is held up.
//!
//! One thread has the lease: it polls, and does what the records lead to. The other one watches it.
//! If that work takes long, the watching thread takes the lease and polls on. The first one finds
//! that out when its work is done, and watches from then on.

#[cfg(all(test, kafka_rpc_loom))]
mod models;
#[cfg(all(test, not(kafka_rpc_loom)))]
mod tests;

use std::time::Duration;

use crate::util::lock_order::POLL_LEASE;
use crate::util::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::util::sync::{Condvar, Mutex, lock};

/// How long the polling thread may be held up; at most twice as long.
const TIMEOUT: Duration = Duration::from_millis(5);

/// After so many looks in which nothing was done the watching thread sleeps.
const LOOKS: u32 = if cfg!(kafka_rpc_loom) { 0 } else { 40 };

/// Which of two threads polls.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct PollLease {
    /// Odd while work is done; each beginning and each end adds one, and so does a takeover. Only
    /// whoever has the lease changes it while it is even.
    steps: AtomicU64,
    /// The other thread looks at the steps from time to time.
    watched: AtomicBool,
    ended: AtomicBool,
    lock: Mutex<(), POLL_LEASE>,
    wake: Condvar,
}

/// Work that is being done.
#[must_use = "it has to be finished"]
struct Work(u64);

impl PollLease {
    /// The life of one of the two threads, of which one `polls` at first. It polls while it has the
    /// lease, runs what that leads to, and watches while it doesn't have it. Returns when `poll` has
    /// no more work for either thread; says whether that was told to this one.
    pub(in crate::transport::kafka) fn share<W>(
        &self,
        mut polls: bool,
        mut poll: impl FnMut() -> Option<W>,
        mut run: impl FnMut(W),
    ) -> bool {
        while polls || self.wait() {
            let Some(work) = poll() else {
                self.end();
                return true;
            };
            let begun = self.begin();
            run(work);
            polls = self.finish(begun);
        }
        false
    }

    /// The polling thread begins to work. It may lose the lease from now on.
    fn begin(&self) -> Work {
        let step = self.steps.load(Ordering::Relaxed) + 1;
        self.steps.store(step, Ordering::SeqCst);
        // Whoever stops watching says so before it looks at the steps, so one of both sees the other.
        if !self.watched.load(Ordering::SeqCst) {
            self.watched.store(true, Ordering::SeqCst);
            drop(lock(&self.lock));
            self.wake.notify_one();
        }
        Work(step)
    }

    /// The work is done; says whether the thread still has the lease.
    fn finish(&self, work: Work) -> bool {
        self.steps
            .compare_exchange(work.0, work.0 + 1, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// Waits for the lease; `false` if there won't be one any more.
    fn wait(&self) -> bool {
        let mut seen = self.steps.load(Ordering::SeqCst);
        let mut quiet = 0;
        let mut guard = lock(&self.lock);
        while !self.ended.load(Ordering::SeqCst) {
            guard = if self.watched.load(Ordering::SeqCst) {
                self.wake.wait_timeout(guard, TIMEOUT)
            } else {
                quiet = 0;
                self.wake.wait(guard)
            };
            let now = self.steps.load(Ordering::SeqCst);
            let unchanged = now == std::mem::replace(&mut seen, now);
            let works = now % 2 == 1;
            if !unchanged {
                quiet = 0;
            } else if works {
                let taken =
                    self.steps
                        .compare_exchange(now, now + 1, Ordering::SeqCst, Ordering::SeqCst);
                if taken.is_ok() {
                    return true;
                }
            } else {
                quiet += 1;
                if quiet > LOOKS {
                    self.stop_watching(now);
                }
            }
        }
        false
    }

    /// Nothing has been done for a while, with so many steps: sleeps until something is.
    fn stop_watching(&self, steps: u64) {
        self.watched.store(false, Ordering::SeqCst);
        if self.steps.load(Ordering::SeqCst) != steps {
            self.watched.store(true, Ordering::SeqCst);
        }
    }

    /// Ends all waiting.
    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(lock(&self.lock));
        self.wake.notify_all();
    }
}
