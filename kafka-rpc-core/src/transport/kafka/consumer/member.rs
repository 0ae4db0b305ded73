//! What the threads of a group member, its handle and its consumer's context share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::acceptance::{self, Acceptance};
use super::known::Known;
use super::offsets::Offsets;
use super::slot::Slot;
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::config::group_protocol::GroupProtocol;
use crate::transport::kafka::ffi;
use crate::transport::{GroupOptions, GroupSink};
use crate::util::lock_order::{GROUP_ASSIGNED, GROUP_LEAVE_BY, GROUP_OFFSETS};
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
    /// Sends the records of assigned partitions to where many are read at a time.
    pub(super) forwarder: Slot<ffi::Forwarder>,
    /// Leads to the consumer's commits.
    pub(super) committer: Slot<ffi::Committer>,
    /// The partitions that are the member's, as the sink was told.
    pub(super) offsets: Mutex<Offsets, GROUP_OFFSETS>,
    /// The partitions that librdkafka was given.
    pub(super) assigned: Mutex<BTreeSet<i32>, GROUP_ASSIGNED>,
    /// The group has assigned partitions of another topic.
    pub(super) misassigned: AtomicBool,
    /// There was a rebalance since the poller last looked.
    pub(super) rebalanced: AtomicBool,
    /// A rebalance was answered since the poller last looked.
    pub(super) answered: AtomicBool,
    /// The group has assigned something, be it nothing, since the poller last looked.
    pub(super) assigned_anew: AtomicBool,
    /// No records are wanted. Librdkafka isn't told: it drops an order to pause or to resume that
    /// another one overtakes, and every rebalance gives some. It reads on until its queue is full,
    /// and what is in there waits.
    pub(super) paused: AtomicBool,
    pub(super) leave_by: Mutex<Option<Instant>, GROUP_LEAVE_BY>,
    pub(super) leaving: Latch,
    pub(super) left: Latch,
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
            forwarder: Slot::default(),
            committer: Slot::default(),
            offsets: Mutex::default(),
            assigned: Mutex::default(),
            misassigned: AtomicBool::new(false),
            rebalanced: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            assigned_anew: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            leave_by: Mutex::default(),
            leaving: Latch::default(),
            left: Latch::default(),
        }
    }

    /// Has the member leave within `patience`.
    pub(super) fn leave(&self, patience: Duration) {
        *lock(&self.leave_by) = Instant::now().checked_add(patience);
        self.leaving.open();
    }

    /// How long a revocation may wait for its release now.
    pub(super) fn revoke_patience(&self) -> Duration {
        let left = lock(&self.leave_by).map(|by| by.saturating_duration_since(Instant::now()));
        left.map_or(self.options.revoke_patience, |left| {
            left.min(self.options.revoke_patience)
        })
    }

    /// These partitions of the member's topic.
    pub(super) fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.options.topic, *partition);
        }
        list
    }

    /// The same with offsets.
    pub(super) fn list_at(&self, offsets: &[(i32, i64)]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, next) in offsets {
            // It fails only for offsets below zero, which no record has.
            let next = Offset::Offset(*next);
            drop(list.add_partition_offset(&self.options.topic, *partition, next));
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
