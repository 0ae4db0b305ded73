//! Ends a consumer's wait when something comes into one of its queues.
//!
//! A thread can wait inside librdkafka at one queue only, and a consumer has two. So it waits here, and
//! looks into both without waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::transport::kafka::ffi::queue::Alerted;
use crate::util::lock_order::POLL_WAKEUP;
use crate::util::sync::{Condvar, Mutex, lock};

/// What the queues' callbacks and the polling thread share.
#[derive(Default)]
pub(super) struct PollWakeup {
    /// Something has come since [`clear`](Self::clear).
    alerted: AtomicBool,
    /// The polling thread waits, and nobody has woken it yet.
    waits: AtomicBool,
    lock: Mutex<(), POLL_WAKEUP>,
    wake: Condvar,
    /// Who is alerted besides.
    also: OnceLock<Arc<dyn Alerted>>,
}

impl PollWakeup {
    /// Alerts `target` too from now on. It is set once.
    pub(super) fn also(&self, target: Arc<dyn Alerted>) {
        let _ = self.also.set(target);
    }

    /// The polling thread is about to look: what comes from now on ends the next wait.
    pub(super) fn clear(&self) {
        self.alerted.store(false, Ordering::SeqCst);
    }

    /// Waits until something has come since `clear`, or for `timeout`; says whether it has.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let mut guard = lock(&self.lock);
        let mut until = None;
        loop {
            self.waits.store(true, Ordering::SeqCst);
            if self.alerted.load(Ordering::SeqCst) {
                break;
            }
            // The clock is read only where there is something to wait for.
            let until = *until.get_or_insert_with(|| Instant::now() + timeout);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            guard = self.wake.wait_timeout(guard, left);
        }
        self.waits.store(false, Ordering::SeqCst);
        drop(guard);
        self.alerted.load(Ordering::SeqCst)
    }
}

impl Alerted for PollWakeup {
    fn alert(&self) {
        self.alerted.store(true, Ordering::SeqCst);
        // The thread says that it waits before it looks whether it was alerted, so one of both sees
        // the other. Of many alerts, one wakes it.
        if self.waits.load(Ordering::SeqCst) && self.waits.swap(false, Ordering::SeqCst) {
            drop(lock(&self.lock));
            self.wake.notify_one();
        }
        if let Some(target) = self.also.get() {
            target.alert();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    #[test]
    fn nothing_ends_a_wait_but_an_alert_or_its_end() {
        let wakeup = PollWakeup::default();
        assert!(!wakeup.wait(Duration::ZERO));
        assert!(!wakeup.wait(Duration::from_millis(1)));
        wakeup.alert();
        assert!(wakeup.wait(SOON));
        assert!(wakeup.wait(SOON), "until it is cleared");
        wakeup.clear();
        assert!(!wakeup.wait(Duration::from_millis(1)));
    }

    #[test]
    fn no_alert_is_missed() {
        let wakeup = PollWakeup::default();
        let asked = AtomicBool::new(false);
        let start = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    while !asked.swap(false, Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    wakeup.alert();
                }
            });
            for _ in 0..10_000 {
                wakeup.clear();
                asked.store(true, Ordering::SeqCst);
                assert!(wakeup.wait(SOON));
            }
        });
        assert!(start.elapsed() < SOON, "no wait was slept through");
    }

    #[test]
    fn whoever_is_to_be_alerted_too_is() {
        struct Other(AtomicBool);
        impl Alerted for Other {
            fn alert(&self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let wakeup = PollWakeup::default();
        let other = Arc::new(Other(AtomicBool::new(false)));
        wakeup.also(Arc::clone(&other) as _);
        wakeup.alert();
        assert!(other.0.load(Ordering::SeqCst));
    }
}
