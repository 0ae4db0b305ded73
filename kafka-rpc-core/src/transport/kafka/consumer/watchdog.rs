//! Whose turn it is to poll: a second thread takes over from one that is held up.
//!
//! One thread polls and does what the records lead to. If that takes long, the other one, which has
//! watched it, polls on; the first one finds that out when it is done, and watches from then on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::util::sync::lock;

/// How long the polling thread may be held up; at most twice as long.
const PATIENCE: Duration = Duration::from_millis(5);

/// After so many looks in which nothing was done the watching thread sleeps.
const LOOKS: u32 = 40;

/// The turn of two threads.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct Turn {
    /// Odd while something is done; each beginning and each end adds one, a takeover too.
    steps: AtomicU64,
    watched: AtomicBool,
    ended: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

/// Something that is being done.
#[must_use = "it has to end"]
pub(in crate::transport::kafka) struct Step(u64);

impl Turn {
    /// The polling thread begins to do something.
    pub(in crate::transport::kafka) fn begin(&self) -> Step {
        let step = self.steps.load(Ordering::Relaxed) + 1;
        self.steps.store(step, Ordering::SeqCst);
        // Whoever stops watching says so before it looks at the steps, so one of both sees the other.
        if !self.watched.load(Ordering::SeqCst) {
            self.watched.store(true, Ordering::SeqCst);
            drop(lock(&self.lock));
            self.wake.notify_one();
        }
        Step(step)
    }

    /// It is done; says whether the thread still has its turn.
    pub(in crate::transport::kafka) fn finish(&self, step: Step) -> bool {
        self.steps
            .compare_exchange(step.0, step.0 + 1, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// Waits for the turn; `false` if there won't be one any more.
    pub(in crate::transport::kafka) fn wait(&self) -> bool {
        let mut seen = self.steps.load(Ordering::SeqCst);
        let mut quiet = 0;
        let mut guard = lock(&self.lock);
        while !self.ended.load(Ordering::SeqCst) {
            guard = if self.watched.load(Ordering::SeqCst) {
                let waited = self.wake.wait_timeout(guard, PATIENCE);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                quiet = 0;
                let waited = self.wake.wait(guard);
                waited.unwrap_or_else(PoisonError::into_inner)
            };
            let now = self.steps.load(Ordering::SeqCst);
            let unchanged = now == std::mem::replace(&mut seen, now);
            let busy = now % 2 == 1;
            if !unchanged {
                quiet = 0;
            } else if busy {
                let taken =
                    self.steps
                        .compare_exchange(now, now + 1, Ordering::SeqCst, Ordering::SeqCst);
                if taken.is_ok() {
                    return true;
                }
            } else {
                quiet += 1;
                if quiet > LOOKS {
                    self.watched.store(false, Ordering::SeqCst);
                    if self.steps.load(Ordering::SeqCst) != now {
                        self.watched.store(true, Ordering::SeqCst);
                    }
                }
            }
        }
        false
    }

    /// Ends all waiting.
    pub(in crate::transport::kafka) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(lock(&self.lock));
        self.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_that_is_held_up_loses_its_turn() {
        let turn = Arc::new(Turn::default());
        let (sender, taken) = mpsc::channel();
        let watcher = thread::spawn({
            let turn = Arc::clone(&turn);
            move || {
                sender.send(turn.wait()).expect("the test listens");
            }
        });
        let step = turn.begin();
        assert!(taken.recv().expect("the watcher says so"));
        assert!(!turn.finish(step), "the other one has it");
        watcher.join().expect("it ended");
    }

    #[test]
    fn nobody_waits_beyond_the_end() {
        let turn = Arc::new(Turn::default());
        let watcher = thread::spawn({
            let turn = Arc::clone(&turn);
            move || while turn.wait() {}
        });
        for _ in 0..1_000 {
            let step = turn.begin();
            // It may be lost: a thread can be held up anywhere.
            let _ = turn.finish(step);
        }
        turn.end();
        watcher.join().expect("it ended");
    }
}
