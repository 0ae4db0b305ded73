//! The tokio runtime that the broker's tasks run on, and its clock.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, Timeout};

use crate::transport::{TransportError, TransportErrorKind};
use crate::util::runtime::is_within;

/// The wall time of every new broker, so that two runs of one simulation see the same timestamps.
const WALL_START_US: i64 = 1_700_000_000_000_000;

/// The runtime that the broker was made on, or one of its own.
pub(super) struct Executor {
    handle: Handle,
    /// Only when there was no runtime to use. Its clock can't be paused.
    own: Option<Runtime>,
    start: Instant,
}

impl Executor {
    pub(super) fn new() -> Result<Arc<Self>, TransportError> {
        let (handle, own) = match Handle::try_current() {
            Ok(handle) => (handle, None),
            Err(_) => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("kafka-rpc-memory")
                    .enable_time()
                    .build()
                    .map_err(|error| {
                        TransportError::new(
                            TransportErrorKind::Other,
                            format!("the in-memory broker can't start its runtime: {error}"),
                        )
                    })?;
                (runtime.handle().clone(), Some(runtime))
            }
        };
        let mut executor = Self {
            handle,
            own,
            start: Instant::now(),
        };
        executor.start = executor.now();
        Ok(Arc::new(executor))
    }

    /// The runtime's time, which a test may have paused.
    pub(super) fn now(&self) -> Instant {
        if self.own.is_some() {
            return Instant::now();
        }
        // Tokio finds a paused clock only through the runtime that the thread is in, and callers
        // may be on a plain thread.
        let _inside = (!is_within(&self.handle)).then(|| self.handle.enter());
        tokio::time::Instant::now().into_std()
    }

    pub(super) fn wall_us_at(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.start);
        WALL_START_US + i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX / 2)
    }

    /// Whether all tasks run on one thread.
    pub(super) fn has_one_thread(&self) -> bool {
        self.handle.runtime_flavor() == RuntimeFlavor::CurrentThread
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(future)
    }

    pub(super) fn sleep(&self, duration: Duration) -> Sleep {
        let _inside = self.handle.enter();
        tokio::time::sleep(duration)
    }

    pub(super) fn timeout<F: Future>(&self, duration: Duration, future: F) -> Timeout<F> {
        let _inside = self.handle.enter();
        tokio::time::timeout(duration, future)
    }

    /// Waits for `future`, but not beyond `until`.
    pub(super) async fn until<F: Future>(&self, until: Option<Instant>, future: F) {
        match until {
            None => {
                future.await;
            }
            Some(until) => {
                let timeout = {
                    let _inside = self.handle.enter();
                    tokio::time::timeout_at(until.into(), future)
                };
                let _ = timeout.await;
            }
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // The last handle may be dropped by a task of this very runtime, which must not wait for itself.
        if let Some(runtime) = self.own.take() {
            runtime.shutdown_background();
        }
    }
}

/// A task that is aborted when this is dropped.
pub(super) struct Task(JoinHandle<()>);

impl From<JoinHandle<()>> for Task {
    fn from(handle: JoinHandle<()>) -> Self {
        Self(handle)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
