//! A piece of work that can be awaited, or waited for on a plain thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::util::park;
use crate::{Code, Outcome, RpcError};

/// Longer than connecting, attaching or starting takes at worst.
const LONGEST: Duration = Duration::from_secs(60);

/// Connecting, attaching, starting or shutting down, as a future with a blocking twin.
///
/// Nothing happens before the first poll. Dropping it gives the work up; only a shutdown that has
/// begun goes on in the background.
#[must_use = "nothing happens until it is awaited or waited for"]
pub struct Operation<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    /// When a thread that blocks its own runtime gives up.
    longest: Duration,
}

impl<T> Operation<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::within(LONGEST, future)
    }

    /// One that is done after `longest` at the latest, if nothing blocks it.
    pub(crate) fn within(
        longest: Duration,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        Self {
            future: Box::pin(future),
            longest,
        }
    }
}

impl<T> Operation<Result<T, RpcError>> {
    /// Blocks this thread until it is done; needs no async runtime.
    ///
    /// On a worker of a multi-thread tokio runtime the worker's other tasks move to another thread
    /// first. On the only thread of a current-thread one nothing else runs meanwhile. What waits for
    /// tasks of that runtime, as the shutdown of a server on an in-memory broker does, is given up
    /// there, after a minute or what a shutdown may take, instead of blocking for ever. Prefer
    /// `.await` there.
    ///
    /// # Errors
    /// Those of the work, and `DeadlineExceeded` where it is given up.
    ///
    /// # Panics
    /// Inside a `LocalSet` of a multi-thread runtime, where tokio forbids blocking.
    pub fn wait(mut self) -> Result<T, RpcError> {
        let longest = self.longest;
        let poll = |operation: &mut Self, context: &mut Context<'_>| {
            operation.future.as_mut().poll(context)
        };
        park::block_on_until(&mut self, poll, |_| {
            park::blocks_its_runtime()
                .then(|| Instant::now().checked_add(longest))
                .flatten()
        })
        .unwrap_or_else(|| {
            Err(RpcError::new(
                Code::DeadlineExceeded,
                Outcome::Unknown,
                format!(
                    "it was not done within {longest:?}, for it waits for tasks of the runtime \
                     whose only thread waits for it; use `.await` instead of `.wait()`"
                ),
            ))
        })
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
