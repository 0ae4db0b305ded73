//! What the threads of a group member, its handle and its consumer's context share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::error::KafkaError;

use super::acceptance::{self, Acceptance};
use super::known::Known;
use super::partitions::{LastCommits, Partitions};
use super::slot::Slot;
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::config::group_protocol::GroupProtocol;
use crate::transport::kafka::ffi;
use crate::transport::{GroupOptions, GroupSink};
use crate::util::lock_order::{
    GROUP_COMMIT_SINCE, GROUP_LAST_COMMITS, GROUP_LEAVE_BY, GROUP_PARTITIONS,
};
use crate::util::sync::{Mutex, lock};

/// What the threads of a member, its handle and its consumer's context share.
pub(in crate::transport::kafka) struct Shared {
    pub(super) events: Events,
    pub(super) options: GroupOptions,
    /// Whether the member follows KIP-848.
    pub(super) consumer_protocol: bool,
    pub(super) sink: Arc<dyn GroupSink>,
    /// Whether the group has accepted the member, for whoever joins.
    pub(super) acceptance: Acceptance,
    /// How the member is.
    pub(super) known: Known,
    /// Leads to the consumer's commits.
    pub(super) committer: Slot<ffi::Committer>,
    /// The partitions that the group gave the member.
    pub(super) partitions: Mutex<Partitions, GROUP_PARTITIONS>,
    pub(super) last_commits: Mutex<LastCommits, GROUP_LAST_COMMITS>,
    /// Since when a commit is under way.
    pub(super) commit_since: Mutex<Option<Instant>, GROUP_COMMIT_SINCE>,
    /// There is something to be committed.
    pub(super) progressed: AtomicBool,
    /// The broker takes no notes, or none so long.
    pub(super) without_notes: AtomicBool,
    /// The group has given the member partitions, or none, since it has subscribed.
    pub(super) joined: AtomicBool,
    /// There was a rebalance since the poller last looked.
    pub(super) rebalanced: AtomicBool,
    /// The group has assigned something, be it nothing, since the poller last looked.
    pub(super) assigned_anew: AtomicBool,
    /// The group has assigned partitions of another topic.
    pub(super) misassigned: AtomicBool,
    /// No records are wanted. Librdkafka isn't told: it drops an order to pause or to resume that
    /// another one overtakes, and every rebalance gives some. It reads on until its queue is full,
    /// and what is in there waits.
    pub(super) paused: AtomicBool,
    pub(super) leave_by: Mutex<Option<Instant>, GROUP_LEAVE_BY>,
    pub(super) leaving: Latch,
    pub(super) left: Latch,
    /// The group knows that the member has left.
    is_told: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        settings: &Arc<Settings>,
        options: GroupOptions,
        sink: Arc<dyn GroupSink>,
    ) -> Self {
        Self {
            events: settings.events(),
            options,
            consumer_protocol: settings.group_protocol == GroupProtocol::Consumer,
            sink,
            acceptance: Acceptance::default(),
            known: Known::default(),
            committer: Slot::default(),
            partitions: Mutex::default(),
            last_commits: Mutex::default(),
            commit_since: Mutex::default(),
            progressed: AtomicBool::new(false),
            without_notes: AtomicBool::new(false),
            joined: AtomicBool::new(false),
            rebalanced: AtomicBool::new(false),
            assigned_anew: AtomicBool::new(false),
            misassigned: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            leave_by: Mutex::default(),
            leaving: Latch::default(),
            left: Latch::default(),
            is_told: AtomicBool::new(false),
        }
    }

    /// Has the member leave within `timeout`.
    pub(super) fn leave(&self, timeout: Duration) {
        *lock(&self.leave_by) = Instant::now().checked_add(timeout);
        self.leaving.open();
    }

    /// The member leaves now, and the group is told or not.
    pub(super) fn told(&self, is_told: bool) {
        self.is_told.store(is_told, Ordering::Release);
    }

    /// Whether the group knows that the member has left.
    pub(super) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Acquire)
    }

    /// These partitions of the member's topic.
    pub(super) fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.options.topic, *partition);
        }
        list
    }

    pub(super) fn trouble(&self, error: &KafkaError) {
        let refusal = error
            .rdkafka_error_code()
            .and_then(|code| acceptance::refusal(code, &self.options));
        if let Some(refusal) = refusal {
            self.known.refuse(refusal.clone());
            self.acceptance.refuse(refusal.clone());
            return self.sink.trouble(refusal);
        }
        let doing = format!(
            "in the group {} on {}",
            self.options.group, self.options.topic
        );
        let trouble = self.events.explain(errors::from_kafka(&doing, error));
        if self.acceptance.is_pending() {
            self.acceptance.note(trouble.clone());
        }
        self.sink.trouble(trouble);
        self.events.forget();
    }
}

/// A partition's number, which librdkafka has as a signed one.
pub(super) fn number(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(0)
}
