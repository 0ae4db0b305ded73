//! Blocks a plain thread on a condition variable until a future wakes it.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

#[derive(Default)]
struct Parker {
    woken: Mutex<bool>,
    condition: Condvar,
}

impl Parker {
    /// Returns when woken, or when `until` has passed.
    fn park(&self, until: Option<Instant>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        while !*woken {
            woken = match until {
                None => self
                    .condition
                    .wait(woken)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let Some(left) = until.checked_duration_since(Instant::now()) else {
                        return;
                    };
                    self.condition
                        .wait_timeout(woken, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
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
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condition.notify_one();
    }
}

/// Runs `future` to its end on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        parker.park(None);
    }
}

/// Runs `future` on this thread; `None` if it isn't done when `until` says so.
///
/// `until` is asked again after each poll, since the first poll may be what sets it.
pub(crate) fn block_on_until<F: Future + Unpin>(
    mut future: F,
    mut until: impl FnMut(&F) -> Option<Instant>,
) -> Result<F::Output, F> {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    loop {
        let context = &mut Context::from_waker(&waker);
        if let Poll::Ready(output) = std::pin::Pin::new(&mut future).poll(context) {
            return Ok(output);
        }
        let until = until(&future);
        if until.is_some_and(|until| until <= Instant::now()) {
            return Err(future);
        }
        parker.park(until);
    }
}
