//! Blocks a plain thread on a condition variable until a future wakes it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::util::lock_order::PARKED_THREAD;
use crate::util::sync::{Condvar, Mutex, lock};

#[derive(Default)]
struct Parker {
    woken: Mutex<bool, PARKED_THREAD>,
    condition: Condvar,
}

impl Parker {
    /// Returns when woken, or when `until` has passed.
    fn park(&self, until: Option<Instant>) {
        let mut woken = lock(&self.woken);
        while !*woken {
            woken = match until {
                None => self.condition.wait(woken),
                Some(until) => {
                    let Some(left) = until.checked_duration_since(Instant::now()) else {
                        return;
                    };
                    self.condition.wait_timeout(woken, left)
                }
            };
        }
        *woken = false;
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *lock(&self.woken) = true;
        self.condition.notify_one();
    }
}

/// Runs `future` to its end on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    blocking(|| {
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            parker.park(None);
        }
    })
}

/// Polls `state` on this thread; `None` if it isn't done when `until` says so.
///
/// `until` is asked once, after the first poll, since the first poll is what sets it.
pub(crate) fn block_on_until<S, O>(
    state: &mut S,
    poll: fn(&mut S, &mut Context<'_>) -> Poll<O>,
    until: impl FnOnce(&S) -> Option<Instant>,
) -> Option<O> {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    blocking(|| {
        if let Poll::Ready(output) = poll(state, &mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let until = until(state);
        loop {
            parker.park(until);
            if let Poll::Ready(output) = poll(state, &mut Context::from_waker(&waker)) {
                return Some(output);
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return None;
            }
        }
    })
}

/// Whether this is the only thread of a runtime, on which nothing runs while it blocks.
pub(crate) fn blocks_its_runtime() -> bool {
    Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::CurrentThread)
}

/// Tells a multi-thread runtime, if this is one of its workers, to hand the worker's other tasks to
/// another thread: one of them may be what the blocked thread waits for.
fn blocking<O>(block: impl FnOnce() -> O) -> O {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(block)
        }
        _ => block(),
    }
}
