//! Runs what blocks on a named thread, and hands its result to a future.

use std::thread;

use tokio::sync::oneshot;

use crate::transport::{BoxFuture, TransportError, TransportErrorKind};

/// Where a thread leaves the one result that a future waits for.
pub(in crate::transport::kafka) struct Reply<T>(oneshot::Sender<Result<T, TransportError>>);

impl<T> Reply<T> {
    /// Hands the result over. If nobody waits any more, it comes back.
    pub(in crate::transport::kafka) fn send(
        self,
        result: Result<T, TransportError>,
    ) -> Result<(), Result<T, TransportError>> {
        self.0.send(result)
    }

    /// Whether nobody waits any more.
    pub(in crate::transport::kafka) fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }
}

/// Starts a thread.
pub(in crate::transport::kafka) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<(), TransportError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| {
            TransportError::new(
                TransportErrorKind::Other,
                format!("can't start the thread {name}: {error}"),
            )
        })
}

/// Starts a thread at the first poll, and waits for what it replies. The thread may work on after
/// its reply: so clients are torn down without anyone waiting for it.
pub(in crate::transport::kafka) fn start<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce(Reply<T>) + Send + 'static,
) -> BoxFuture<Result<T, TransportError>> {
    Box::pin(async move {
        let (sender, receiver) = oneshot::channel();
        spawn(name, move || work(Reply(sender)))?;
        receiver.await.unwrap_or_else(|_| {
            Err(TransportError::new(
                TransportErrorKind::Other,
                format!("the thread {name} ended without a result"),
            ))
        })
    })
}
