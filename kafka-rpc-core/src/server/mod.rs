//! Runs commands and publishes their replies.
//!
//! A record comes in by the member's front door (`group/sink`), is judged (`admit`), looked up among
//! the known calls (`calls`), waits in the queue (`schedule`), is run (`execute`), and its reply goes
//! out (`complete`); when that is in the log, its offset may be committed. `group` drives all of it
//! as one state machine; the rooms below it know nothing of each other's state.
//!
//! # Threads and locks
//!
//! | Thread | What it does here |
//! |---|---|
//! | the transport's polling thread, one at a time for each member | records, rebalances, and handlers that run inline |
//! | the handlers' tokio runtime | handlers as tasks, the ends of handlers, look-ups of topics |
//! | the producer's thread, or whoever produces | settles commands whose replies are in the log |
//! | the alarm's thread | deadlines, grace periods, replies that are sent again |
//!
//! A lock is held for moments only, and never while user code runs. Their order:
//!
//! 1. the transport's polling lock, which is held while its sinks are called;
//! 2. a member's `paused`, then its `state` ([`group`]);
//! 3. the transport's own locks: it is told while the state is locked that there is something to commit.
//!
//! The outbox's lock ([`complete`]) is a leaf, and no lock of a member may be held when it is taken:
//! a reply may be settled before the producer returns, which locks the member.

mod admit;
mod builder;
mod calls;
mod complete;
mod execute;
mod group;
mod handle;
mod observe;
mod options;
mod running;
mod schedule;
mod start;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use self::running::Running;
use crate::transport::Cluster;
use crate::{Operation, RpcError};

pub use builder::ServerBuilder;
pub use handle::ServerHandle;
pub use observe::health::{PartitionHealth, ServerHealth, StopReason};
pub use observe::stats::ServerStats;
pub use schedule::Ordering;

/// A running server of one or more services.
///
/// A command is handled at least once: one that ran when its server died, or lost its partition, runs
/// again on the next owner. One that comes twice while this server owns its partition runs once and
/// is answered alike, as far as memory reaches: for each group, over the last 32,768 to 65,536 ended
/// calls, 32 to 64 MiB of replies, and 10 minutes. Expired and cancelled commands aren't run.
///
/// Dropping it stops it as [`shutdown`](Self::shutdown) does, in the background and without a report.
pub struct Server(Running);

impl Server {
    /// Sets up a server on this cluster.
    #[must_use]
    pub fn builder(cluster: &impl Cluster) -> ServerBuilder {
        ServerBuilder::new(cluster)
    }

    /// Stops the server: it leaves its groups at once, and serves until their other members take over.
    /// Handlers that run then may go on for the grace period, their replies are brought to the log, and
    /// the next owners run none of them again. A dropped call doesn't stop such a handler any more.
    /// Commands that weren't started are neither answered nor committed: they are the next owners'.
    ///
    /// Dropping the operation leaves the rest to be done in the background.
    ///
    /// # Errors
    /// The server is stopped nevertheless:
    ///
    /// - `DeadlineExceeded` if handlers had to be stopped at the end of the grace period; their commands
    ///   run again elsewhere.
    /// - `Unavailable` if a group couldn't be told within it: the group gives the server's partitions
    ///   to others only when its session is over.
    #[must_use = "the server stops in the background if this isn't awaited or waited for"]
    pub fn shutdown(self) -> Operation<Result<(), RpcError>> {
        let longest = self.0.longest_stop();
        Operation::within(longest, self.0.stop())
    }

    /// Serves until `signal` is done, whatever it gives, and then [shuts down](Self::shutdown): the end of
    /// a usual `main`.
    ///
    /// ```no_run
    /// # use kafka_rpc_core::{RpcError, Server};
    /// # async fn serve(server: Server, terminated: impl Future + Send + 'static) -> Result<(), RpcError> {
    /// // `terminated` may be `tokio::signal::ctrl_c()`, or wait for SIGTERM, too.
    /// server.run_until(terminated).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`shutdown`](Self::shutdown).
    #[must_use = "the server stops if this isn't awaited or waited for"]
    pub fn run_until(
        self,
        signal: impl Future + Send + 'static,
    ) -> Operation<Result<(), RpcError>> {
        Operation::within(handle::FOR_EVER, async move {
            // What it gives needn't be `Send`.
            drop(signal.await);
            self.shutdown().await
        })
    }

    /// What the server can be asked from anywhere else in the program.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(self.0.watch()))
    }

    /// What the server has done so far, and what it is doing.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        self.0.watch().stats()
    }

    /// Whether the server serves, and why not. It asks nobody and doesn't block.
    #[must_use]
    pub fn health(&self) -> ServerHealth {
        self.0.watch().health()
    }

    /// Done when the server is ready: when all of its groups count it as a member, and their brokers
    /// answer. After [`start`](ServerBuilder::start) it usually is.
    ///
    /// # Errors
    /// `Unavailable` if the server stops before that.
    pub fn ready(&self) -> Operation<Result<(), RpcError>> {
        self.handle().ready()
    }

    /// Done when the server has stopped, and says why.
    ///
    /// # Errors
    /// None when it is awaited; those of [`Operation::wait`] where a thread waits.
    pub fn stopped(&self) -> Operation<Result<StopReason, RpcError>> {
        self.handle().stopped()
    }

    /// The name that replies and errors of this server bear.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.watch().id()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
