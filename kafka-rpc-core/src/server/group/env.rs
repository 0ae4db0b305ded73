//! What a member has beside its state, and what the members of one server share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::flow::Capacity;
use super::report::Reports;
use crate::server::admit::judge::Admission;
use crate::server::admit::server_clock::ServerClock;
use crate::server::complete::Complete;
use crate::server::complete::outbox::Backlog;
use crate::server::observe::stats::Counters;
use crate::server::schedule::Ordering as CallOrder;
use crate::transport::{Alarm, Clock, Membership, Permission, Transport};
use crate::wire::{Executor, StageTimes};

/// What the members of one server share.
pub(crate) struct Shared {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What deadlines are judged by.
    pub(crate) server_clock: ServerClock,
    pub(crate) runtime: Handle,
    pub(crate) server_id: String,
    /// Names this server to the new owners of its partitions.
    pub(crate) executor: Executor,
    pub(crate) limits: Limits,
    pub(crate) counters: Arc<Counters>,
    pub(crate) complete: Arc<dyn Complete>,
    pub(crate) alarm: OnceLock<Box<dyn Alarm>>,
}

impl Shared {
    /// The times of a reply to a command that was read then and wasn't run.
    pub(crate) fn times(&self, read_at: Instant) -> StageTimes {
        let reading = self.server_clock.at(read_at);
        StageTimes {
            queued_us: 0,
            handler_us: 0,
            read_at_us: u64::try_from(reading.us).ok(),
            clock: Some(reading.clock),
        }
    }
}

/// How much of what a member does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) ordering: CallOrder,
    pub(crate) concurrency: usize,
    pub(crate) capacity: Capacity,
    /// How long handlers may go on when their partition is given up.
    pub(crate) grace: Duration,
}

/// What a member has beside its state: it is set once, or atomic.
pub(crate) struct Env {
    pub(crate) shared: Arc<Shared>,
    pub(crate) group: String,
    pub(crate) topic: Arc<str>,
    pub(crate) admission: Admission,
    pub(crate) backlog: Backlog,
    pub(crate) reports: Reports,
    membership: OnceLock<Arc<dyn Membership>>,
    /// Whether records may be produced to the topic that is read, as the brokers said at the start.
    may_report: OnceLock<Permission>,
    /// A handler runs on the thread that read its command.
    inline: AtomicBool,
}

impl Env {
    pub(crate) fn new(
        shared: Arc<Shared>,
        group: String,
        topic: &str,
        admission: Admission,
    ) -> Self {
        Self {
            shared,
            group,
            topic: topic.into(),
            admission,
            backlog: Backlog::default(),
            reports: Reports::default(),
            membership: OnceLock::new(),
            may_report: OnceLock::new(),
            inline: AtomicBool::new(false),
        }
    }

    /// The member has joined its group, which it does once.
    pub(crate) fn joined(&self, membership: Arc<dyn Membership>) {
        let _ = self.membership.set(membership);
    }

    pub(crate) fn membership(&self) -> Option<&Arc<dyn Membership>> {
        self.membership.get()
    }

    /// Notes whether records may be produced to the topic that is read; once, before it joins.
    pub(crate) fn note_may_report(&self, permission: Permission) {
        let _ = self.may_report.set(permission);
    }

    /// Whether records may be produced to the topic that is read: what tells other servers of calls
    /// goes there.
    pub(crate) fn may_report(&self) -> Permission {
        self.may_report.get().copied().unwrap_or_default()
    }

    /// Whether a handler of this method is to run where its command was read; if so, it is the only
    /// one until it has returned.
    pub(crate) fn runs_inline(&self, service: usize, method: usize) -> bool {
        self.admission.services[service].paces[method].is_quick()
            && !self.inline.swap(true, Ordering::Acquire)
    }

    /// The handler that ran inline has returned from its first poll.
    pub(crate) fn inline_returned(&self) {
        self.inline.store(false, Ordering::Release);
    }
}
