//! What the threads of a group member, its handle and its consumer's context share.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::offsets::Offsets;
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::ffi;
use crate::transport::{GroupOptions, GroupSink};
use crate::util::lock_order::{GROUP_ASSIGNED, GROUP_LEAVE_BY, GROUP_OFFSETS};
use crate::util::sync::{Mutex, lock};

/// What the threads of a member, its handle and its consumer's context share.
pub(in crate::transport::kafka) struct Shared {
    pub(super) events: Events,
    pub(super) options: GroupOptions,
    pub(super) sink: Arc<dyn GroupSink>,
    /// Sends the records of assigned partitions to where many are read at a time.
    pub(super) forwarder: OnceLock<ffi::Forwarder>,
    /// Leads to the consumer's commits.
    pub(super) committer: OnceLock<ffi::Committer>,
    /// The partitions that are the member's, as the sink was told.
    pub(super) offsets: Mutex<Offsets, GROUP_OFFSETS>,
    /// The partitions that librdkafka was given.
    pub(super) assigned: Mutex<BTreeSet<i32>, GROUP_ASSIGNED>,
    /// The group has assigned partitions of another topic.
    pub(super) misassigned: AtomicBool,
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
            sink,
            forwarder: OnceLock::new(),
            committer: OnceLock::new(),
            offsets: Mutex::default(),
            assigned: Mutex::default(),
            misassigned: AtomicBool::new(false),
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
        let doing = format!(
            "in the group {} on {}",
            self.options.group, self.options.topic
        );
        self.sink
            .trouble(self.events.explain(errors::from_kafka(&doing, error)));
        self.events.forget();
    }
}
