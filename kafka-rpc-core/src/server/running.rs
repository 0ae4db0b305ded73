//! The parts of a server that runs, and how they are stopped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tracing::info;

use super::group::env::Shared;
use super::group::member::Member;
use super::group::watch::Watch;
use super::observe::health::{Stage, StopReason};
use crate::transport::TransportError;
use crate::{Code, Outcome, RpcError};

/// How much longer than the grace period leaving a group may take.
const LEAVE_MARGIN: Duration = Duration::from_secs(3);
/// How long handlers may take to be dropped once they are stopped. Only one that blocks its thread takes
/// longer than a moment.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the last replies may take to be acknowledged.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The parts of a server that runs. Dropping them stops the server in the background.
pub(super) struct Running {
    watch: Arc<Watch>,
    /// `None` once they are stopped.
    parts: Option<Parts>,
}

struct Parts {
    shared: Arc<Shared>,
    members: Vec<Arc<Member>>,
    /// Dropped last, when nothing is left to run on it.
    _runtime: Option<OwnedRuntime>,
}

impl Running {
    pub(super) fn new(
        shared: Arc<Shared>,
        members: Vec<Arc<Member>>,
        watch: Arc<Watch>,
        runtime: Option<OwnedRuntime>,
    ) -> Self {
        Self {
            watch,
            parts: Some(Parts {
                shared,
                members,
                _runtime: runtime,
            }),
        }
    }

    /// What can be asked of the server.
    pub(super) const fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// The server's group members.
    pub(super) fn members(&self) -> &[Arc<Member>] {
        self.parts.as_ref().map_or(&[], |parts| &parts.members)
    }

    /// How long [`stop`](Self::stop) takes at most, if nothing blocks it.
    pub(super) fn longest_stop(&self) -> Duration {
        self.parts.as_ref().map_or(Duration::ZERO, |parts| {
            let grace = parts.shared.limits.grace;
            grace.saturating_add(
                LEAVE_MARGIN + STOP_TIMEOUT + FLUSH_TIMEOUT + Duration::from_secs(1),
            )
        })
    }

    /// Stops the server. What is left to be done when this is dropped is done in the background.
    pub(super) async fn stop(mut self) -> Result<(), RpcError> {
        let Some(parts) = &self.parts else {
            return Ok(());
        };
        self.watch.go_on(Stage::Stopping);
        let told = parts.stop().await;
        let stopped = parts.stopped_handlers();
        info!(
            target: "kafka_rpc::server",
            server = self.watch.id(), stopped_handlers = stopped, "server stopped",
        );
        self.parts = None;
        let reason = reason(stopped, StopReason::Shutdown);
        self.watch.go_on(Stage::Stopped(reason));
        if stopped == 0 {
            return told.map_err(|error| {
                let what = "the group could not be told that the server has left, and gives its \
                            partitions to others when its session is over";
                error.context(what).into_rpc(Outcome::Ran)
            });
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
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            self.watch.go_on(Stage::Stopping);
            let runtime = parts.shared.runtime.clone();
            let watch = Arc::clone(&self.watch);
            runtime.spawn(async move {
                drop(parts.stop().await);
                let reason = reason(parts.stopped_handlers(), StopReason::Dropped);
                drop(parts);
                watch.go_on(Stage::Stopped(reason));
            });
        }
    }
}

/// Why the server has stopped, with so many handlers that outlasted their grace.
const fn reason(stopped: u64, in_order: StopReason) -> StopReason {
    match stopped {
        0 => in_order,
        handlers => StopReason::GraceOver { handlers },
    }
}

impl Parts {
    fn stopped_handlers(&self) -> u64 {
        let members = self.members.iter();
        members.map(|member| member.stopped_handlers()).sum()
    }

    /// Leaves the groups, and then waits for what goes on here. May be begun anew after it was dropped.
    async fn stop(&self) -> Result<(), TransportError> {
        let timeout = self.shared.limits.grace + LEAVE_MARGIN;
        let until = self.shared.clock.now() + timeout;
        // All at once, so that one slow group doesn't take the others' time. Members read on until
        // their partitions are the next owners'.
        let memberships = self
            .members
            .iter()
            .filter_map(|member| member.env.membership());
        let leaving: Vec<_> = memberships
            .map(|membership| membership.leave(timeout))
            .collect();
        let mut told = Ok(());
        for left in leaving {
            told = told.and(left.await);
        }
        // What runs has its grace period from when its partition was given up.
        self.handed_over(until).await;
        for member in &self.members {
            member.abandon_all();
        }
        self.handed_over(self.shared.clock.now() + STOP_TIMEOUT)
            .await;
        self.shared.complete.flush(FLUSH_TIMEOUT).await;
        self.shared.complete.close();
        told
    }

    /// Waits until no handler runs any more, and the new owners can know, at most until then.
    async fn handed_over(&self, until: Instant) {
        let members = self.members.iter();
        let ends: Vec<_> = members.map(|member| member.handed_over(until)).collect();
        for end in ends {
            end.await;
        }
    }
}

/// A runtime that can be dropped anywhere: on its own threads, too, and without blocking.
pub(super) struct OwnedRuntime(Option<Runtime>);

impl OwnedRuntime {
    pub(super) const fn new(runtime: Runtime) -> Self {
        Self(Some(runtime))
    }
}

impl Drop for OwnedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
