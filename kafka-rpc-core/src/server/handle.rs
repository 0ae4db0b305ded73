//! What can be asked of a server from anywhere in a program.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::group::watch::Watch;
use super::observe::health::{ServerHealth, StopReason};
use super::observe::stats::ServerStats;
use crate::{Operation, RpcError};

/// Longer than any program waits for a server.
pub(super) const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// What can be asked of a [`Server`](crate::Server) from anywhere in a program, as probes and metrics
/// do; see [`Server::handle`](crate::Server::handle).
///
/// Clones are cheap. A handle doesn't keep its server running, and can still be asked when that has
/// stopped.
#[derive(Clone)]
pub struct ServerHandle(Arc<Watch>);

impl ServerHandle {
    pub(super) const fn new(watch: Arc<Watch>) -> Self {
        Self(watch)
    }

    /// The name that replies and errors of the server bear.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// What the server has done so far, and what it is doing.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        self.0.stats()
    }

    /// Whether the server serves, and why not. It asks nobody and doesn't block.
    #[must_use]
    pub fn health(&self) -> ServerHealth {
        self.0.health()
    }

    /// Done when the server is ready: when all of its groups count it as a member, and their brokers
    /// answer. After [`start`](crate::ServerBuilder::start) it usually is.
    ///
    /// # Errors
    /// `Unavailable` if the server stops before that.
    pub fn ready(&self) -> Operation<Result<(), RpcError>> {
        let watch = Arc::clone(&self.0);
        Operation::within(FOR_EVER, async move { watch.ready().await })
    }

    /// Done when the server has stopped, and says why.
    ///
    /// # Errors
    /// None when it is awaited; those of [`Operation::wait`] where a thread waits.
    pub fn stopped(&self) -> Operation<Result<StopReason, RpcError>> {
        let watch = Arc::clone(&self.0);
        Operation::within(FOR_EVER, async move { Ok(watch.stopped().await) })
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
