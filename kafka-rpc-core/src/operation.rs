//! A piece of work that can be awaited, or waited for on a plain thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::park;

/// Connecting, attaching, starting or shutting down, as a future with a blocking twin.
///
/// Nothing happens before the first poll. Dropping it gives the work up.
#[must_use = "nothing happens until it is awaited or waited for"]
pub struct Operation<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
}

impl<T> Operation<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            future: Box::pin(future),
        }
    }

    /// Blocks this thread until it is done; needs no async runtime.
    pub fn wait(self) -> T {
        park::block_on(self.future)
    }
}

impl<T> Future for Operation<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.future.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").finish_non_exhaustive()
    }
}
