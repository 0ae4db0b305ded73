//! A door that opens once, and that threads can wait at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::util::lock_order::LATCH;
use crate::util::sync::{Condvar, Mutex, lock};

/// Closed until [`open`](Self::open) is called.
#[derive(Default)]
pub(in crate::transport::kafka) struct Latch {
    open: AtomicBool,
    lock: Mutex<(), LATCH>,
    opened: Condvar,
}

impl Latch {
    /// Opens it for good.
    pub(in crate::transport::kafka) fn open(&self) {
        self.open.store(true, Ordering::Release);
        // Whoever looked before it was open waits by now.
        drop(lock(&self.lock));
        self.opened.notify_all();
    }

    /// Whether it is open.
    pub(in crate::transport::kafka) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until it is open, for `timeout` at most; says whether it is.
    pub(in crate::transport::kafka) fn wait(&self, timeout: Duration) -> bool {
        // A timeout that no `Instant` can express ends as never as it is asked to.
        let until = Instant::now().checked_add(timeout);
        let mut guard = lock(&self.lock);
        while !self.is_open() {
            let left = match until {
                None => timeout,
                Some(until) => until.saturating_duration_since(Instant::now()),
            };
            if left.is_zero() {
                break;
            }
            guard = self.opened.wait_timeout(guard, left);
        }
        self.is_open()
    }
}
