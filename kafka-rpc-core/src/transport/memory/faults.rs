//! What tests can do to a broker's topics.

use std::fmt;
use std::sync::Arc;

use super::fate::{Access, Fate};
use super::state::Shared;
use crate::transport::TransportError;

/// Faults of topics: see [`MemoryBroker::faults`](crate::transport::memory::MemoryBroker::faults). Faults of single
/// processes are at [`MemoryNode`](crate::transport::memory::MemoryNode).
///
/// Every method with a topic fails with [`UnknownTopic`](crate::transport::TransportErrorKind::UnknownTopic) if there is no such
/// topic or partition.
#[derive(Clone)]
pub struct Faults(pub(super) Arc<Shared>);

impl Faults {
    /// Gives the next `count` records that are produced to the topic this fate. Fates queue up.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn next_produced(
        &self,
        topic: &str,
        fate: Fate,
        count: usize,
    ) -> Result<(), TransportError> {
        self.0.on_topic(topic, |topic| {
            topic.fates.extend(std::iter::repeat_n(fate, count));
        })
    }

    /// Stores the next `count` records of the topic twice each.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn duplicate_next(&self, topic: &str, count: usize) -> Result<(), TransportError> {
        self.0.on_topic(topic, |topic| topic.duplicates += count)
    }

    /// Stores what is produced to the topic from now on, but shows it to nobody until
    /// [`release`](Self::release).
    ///
    /// # Errors
    /// There is no such topic.
    pub fn hold(&self, topic: &str) -> Result<(), TransportError> {
        self.0
            .on_topic(topic, crate::transport::memory::log::Topic::hold)
    }

    /// Shows the next `count` records of one partition of a held topic.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn let_through(
        &self,
        topic: &str,
        partition: u32,
        count: u32,
    ) -> Result<(), TransportError> {
        self.0
            .on_partition(topic, partition, |log| log.let_through(count))
    }

    /// Ends [`hold`](Self::hold).
    ///
    /// # Errors
    /// There is no such topic.
    pub fn release(&self, topic: &str) -> Result<(), TransportError> {
        self.0
            .on_topic(topic, crate::transport::memory::log::Topic::release)
    }

    /// Deletes the records of a partition below offset `before`, as retention does.
    ///
    /// # Errors
    /// There is no such topic or partition.
    pub fn truncate(&self, topic: &str, partition: u32, before: i64) -> Result<(), TransportError> {
        self.0
            .on_partition(topic, partition, |log| log.truncate(before))
    }

    /// Deletes a topic, with its records and the offsets that groups committed for it. Listeners
    /// and members go on as soon as it is created again.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn delete_topic(&self, topic: &str) -> Result<(), TransportError> {
        self.0.lock().delete_topic(topic)
    }

    /// Deletes a topic and creates it again, empty.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn recreate_topic(&self, topic: &str) -> Result<(), TransportError> {
        let partitions = self.0.lock().partitions(topic)?;
        self.recreate_topic_with(topic, partitions)
    }

    /// Deletes a topic and creates it again with so many partitions, empty.
    ///
    /// # Errors
    /// There is no such topic, or there would be no partition.
    pub fn recreate_topic_with(&self, topic: &str, partitions: u32) -> Result<(), TransportError> {
        let mut state = self.0.lock();
        state.delete_topic(topic)?;
        state.create_topic(topic, partitions)
    }

    /// Raises the number of partitions of a topic to `total`.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn add_partitions(&self, topic: &str, total: u32) -> Result<(), TransportError> {
        self.0.lock().add_partitions(topic, total)
    }

    /// Denies this access to a topic, which needn't exist, for everybody.
    pub fn deny(&self, topic: &str, access: Access) {
        self.0.lock().deny(topic, access);
    }

    /// Ends [`deny`](Self::deny).
    pub fn allow(&self, topic: &str, access: Access) {
        self.0.lock().allow(topic, access);
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}
