//! Takes a command to its reply.
//!
//! A record comes in on the transport's thread (`intake`), is judged (`admission`), waits for its
//! turn (`schedule`), runs as a task (`run`, `handling`), and its reply goes out (`outbox`); when
//! that is in the log, its offset may be committed (`partitions`, `commit`). `drain` gains and loses
//! partitions. `clock_offsets`, `dedupe`, `schedule` and `commit` are pure state.

mod admit;
mod builder;
mod calls;
mod complete;
mod execute;
mod group;
mod observe;
mod schedule;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tracing::info;

use self::group::member::{Member, Shared};
use crate::transport::Cluster;
use crate::{Code, Operation, Outcome, RpcError};

pub use builder::ServerBuilder;
pub use observe::stats::ServerStats;
pub use schedule::Ordering;

/// How much longer than the grace period leaving a group may take.
const LEAVE_MARGIN: Duration = Duration::from_secs(3);
/// How long the last replies may take to be acknowledged.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// A running server of one or more services.
///
/// A command is handled at least once: one that ran when its server died, or lost its partition, runs
/// again on the next owner. One that comes twice while this server owns its partition runs once and
/// is answered alike, as far as memory reaches: for each group, over the last 32,768 to 65,536 ended
/// calls, 32 to 64 MiB of replies, and 10 minutes. Expired and cancelled commands aren't run.
///
/// Dropping it stops it as [`shutdown`](Self::shutdown) does, in the background and without a report.
pub struct Server(Option<Running>);

struct Running {
    shared: Arc<Shared>,
    members: Vec<Arc<Member>>,
    /// Dropped last, when nothing is left to run on it.
    _runtime: Option<OwnedRuntime>,
}

impl Server {
    /// Sets up a server on this cluster.
    #[must_use]
    pub fn builder(cluster: &impl Cluster) -> ServerBuilder {
        ServerBuilder::new(cluster)
    }

    /// Stops the server: nothing more is started, handlers that run may go on for the grace period,
    /// their replies are brought to the log, offsets are committed, and then the groups are left.
    /// Until then a dropped call still stops its handler.
    /// Commands that weren't started are neither answered nor committed, so that another server
    /// takes them up.
    ///
    /// Dropping the operation leaves the rest to be done in the background.
    ///
    /// # Errors
    /// `DeadlineExceeded` if handlers had to be stopped at the end of the grace period; the server is
    /// stopped nevertheless, and their commands run again elsewhere.
    #[must_use = "the server stops in the background if this isn't awaited or waited for"]
    pub fn shutdown(mut self) -> Operation<Result<(), RpcError>> {
        // Stopping already, so that it goes on in the background where nobody polls it.
        let stopping = Stopping(self.0.take());
        let longest = stopping.0.as_ref().map_or(Duration::ZERO, |running| {
            let grace = running.shared.limits.grace;
            grace.saturating_add(LEAVE_MARGIN + FLUSH_PATIENCE + Duration::from_secs(1))
        });
        Operation::within(longest, stopping.run())
    }

    /// What the server has done so far, and what it is doing.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        let Some(running) = &self.0 else {
            return ServerStats::default();
        };
        let mut stats = running.shared.counters.snapshot();
        for member in &running.members {
            let (queued, running) = member.load();
            stats.queued += queued as u64;
            stats.running += running as u64;
        }
        stats
    }

    /// The name that replies and errors of this server bear.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0
            .as_ref()
            .map_or("", |running| running.shared.server_id.as_str())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            Stopping(Some(running)).in_background();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// A server that is being stopped; what is left to be done when it is dropped is done in the
/// background.
struct Stopping(Option<Running>);

impl Stopping {
    async fn run(mut self) -> Result<(), RpcError> {
        let Some(running) = &self.0 else {
            return Ok(());
        };
        running.stop().await;
        let stopped: u64 = running
            .members
            .iter()
            .map(|member| member.stopped_handlers())
            .sum();
        info!(
            target: "kafka_rpc::server",
            server = running.shared.server_id, stopped_handlers = stopped, "server stopped",
        );
        self.0 = None;
        if stopped == 0 {
            return Ok(());
        }
        Err(RpcError::new(
            Code::DeadlineExceeded,
            Outcome::Unknown,
            format!(
                "{stopped} handlers were still running when the grace period ended, and were \
                 stopped; their commands run again on the next server, or give the builder's \
                 `grace` more time"
            ),
        ))
    }

    fn in_background(mut self) {
        if let Some(running) = self.0.take() {
            for member in &running.members {
                member.stop_starting();
            }
            let runtime = running.shared.runtime.clone();
            runtime.spawn(async move { running.stop().await });
        }
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            Self(Some(running)).in_background();
        }
    }
}

impl Running {
    /// Drains, commits, and then leaves. May be begun anew after it was dropped.
    async fn stop(&self) {
        for member in &self.members {
            member.stop_starting();
        }
        let clock = &self.shared.clock;
        let until = clock.now() + self.shared.limits.grace + LEAVE_MARGIN;
        // All at once, so that one slow group doesn't take the others' time. A member that has left
        // can't commit any more, and one that says that it leaves can't for long: first it drains.
        let draining: Vec<_> = self.members.iter().map(Member::drain).collect();
        for drained in draining {
            drained.await;
        }
        let patience = until.saturating_duration_since(clock.now());
        let leaving: Vec<_> = self
            .members
            .iter()
            .filter_map(|member| Some(member.membership()?.leave(patience)))
            .collect();
        for left in leaving {
            left.await;
        }
        for member in &self.members {
            member.abandon_all();
        }
        self.shared.outbox.flush(FLUSH_PATIENCE).await;
        self.shared.outbox.close();
    }
}

/// A runtime that can be dropped anywhere: on its own threads, too, and without blocking.
struct OwnedRuntime(Option<Runtime>);

impl Drop for OwnedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests;
