//! Why and how a handler is stopped.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use tokio::sync::Notify;

use crate::util::lock_order::INTERRUPT_TASK;
use crate::util::sync::{Mutex, lock};

/// Why a handler was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    /// The call's deadline passed.
    Deadline = 1,
    /// The caller gave up.
    Cancelled = 2,
    /// The partition was taken away, or the runtime ended.
    Abandoned = 3,
}

/// Stops a handler from outside: wakes its task, which then drops it.
#[derive(Default)]
pub(crate) struct Interrupt {
    reason: AtomicU8,
    task: Mutex<Option<Waker>, INTERRUPT_TASK>,
    /// Those who wait in tasks of their own.
    detached: Notify,
}

impl Interrupt {
    /// Why the handler is to stop; `None` as long as it isn't.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self.reason.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Reason::Deadline),
            2 => Some(Reason::Cancelled),
            _ => Some(Reason::Abandoned),
        }
    }

    /// Stops the handler; the first reason counts.
    pub(crate) fn fire(&self, reason: Reason) {
        let first =
            self.reason
                .compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            let task = lock(&self.task).take();
            if let Some(task) = task {
                task.wake();
            }
            self.detached.notify_waiters();
        }
    }

    /// Done when it has fired.
    pub(crate) async fn fired(&self) {
        let notified = self.detached.notified();
        let mut notified = std::pin::pin!(notified);
        // Registered before the look, so that an interrupt in between isn't missed.
        notified.as_mut().enable();
        if self.reason().is_none() {
            notified.await;
        }
    }

    /// Has this waker called when it fires. Look at [`reason`](Self::reason) only afterwards.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut task = lock(&self.task);
        if !task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            let replaced = task.replace(waker.clone());
            // The last waker of a task may drop the task, and that interrupts what runs in it.
            drop(task);
            drop(replaced);
        }
    }
}
