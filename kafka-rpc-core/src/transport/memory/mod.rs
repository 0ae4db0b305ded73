//! A whole broker in memory: topics, groupless listeners, consumer groups, and faults to inject.
//!
//! It runs as tokio tasks, one for each listener, group member, producer and alarm, and takes its
//! time from tokio, so that under a paused clock on a current-thread runtime a run is the same every
//! time. It draws no random numbers and never asks a hash map for its order.

mod balance;
mod clock;
mod fate;
mod faults;
mod group;
mod groups;
mod link;
mod listener;
mod log;
mod member;
mod membership;
mod node;
mod process;
mod producer;
mod record;
mod reports;
mod runtime;
mod settle;
mod standing;
mod state;
mod transport;
mod watch;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use self::fate::{Access, Fate};
pub use self::faults::Faults;
pub use self::process::MemoryNode;
pub use self::record::MemoryRecord;
use self::runtime::Executor;
use self::state::Shared;
use crate::transport::{Cluster, Transport, TransportError, sealed};

/// A broker in memory, for tests: clients and servers connect to it as they do to Kafka.
///
/// Clones are the same broker. It uses the tokio runtime that it is made on, whose time driver must
/// be enabled; made without one, it has a runtime of its own, with one thread. It ends when the last
/// handle and the last client and server on it are dropped.
///
/// Everybody who connects to the broker itself is one process to it. [`node`](Self::node) makes
/// others, whose clocks can differ and which can freeze, crash and be cut off one by one.
///
/// What it leaves out: retention by time (records go beyond [a number of
/// bytes](Self::set_max_log_bytes) for each partition), replication, transactions, compression, and
/// the time that a network takes.
#[derive(Clone)]
pub struct MemoryBroker {
    main: MemoryNode,
}

impl MemoryBroker {
    /// Makes a broker without topics.
    ///
    /// # Panics
    /// There is no tokio runtime to use, and the system can't start a thread.
    #[must_use]
    pub fn new() -> Self {
        let executor = match Executor::new() {
            Ok(executor) => executor,
            Err(error) => panic!("{error}"),
        };
        let shared = Arc::new(Shared::new(executor));
        let node = shared.lock().add_node("main");
        Self {
            main: MemoryNode { shared, node },
        }
    }

    /// A new process, for clients and servers to connect as. The name is for messages; a second
    /// node of the same name is another process, such as the first one started again.
    #[must_use]
    pub fn node(&self, name: &str) -> MemoryNode {
        MemoryNode {
            shared: Arc::clone(&self.main.shared),
            node: self.main.shared.lock().add_node(name),
        }
    }

    /// The process of everybody who connects to the broker itself.
    #[must_use]
    pub fn main_node(&self) -> MemoryNode {
        self.main.clone()
    }

    /// What can be done to topics.
    #[must_use]
    pub fn faults(&self) -> Faults {
        Faults(Arc::clone(&self.main.shared))
    }

    /// Creates a topic; done if it exists.
    ///
    /// # Errors
    /// The name is empty, or there would be no partition.
    pub fn create_topic(&self, name: &str, partitions: u32) -> Result<(), TransportError> {
        self.main.shared.lock().create_topic(name, partitions)
    }

    /// Appends any record, and returns its offset. No limit on its size holds.
    ///
    /// # Errors
    /// There is no such topic or partition.
    pub fn append(
        &self,
        topic: &str,
        partition: u32,
        record: MemoryRecord,
    ) -> Result<i64, TransportError> {
        let mut state = self.main.shared.lock();
        state.append(topic, partition, (&record).into())
    }

    /// All records that a partition holds, from the low watermark on.
    ///
    /// # Errors
    /// There is no such topic or partition.
    pub fn records(
        &self,
        topic: &str,
        partition: u32,
    ) -> Result<Vec<MemoryRecord>, TransportError> {
        self.main
            .shared
            .on_partition(topic, partition, |log| log.all())
    }

    /// The low and the high watermark: the offset of the first record that is held, and the next
    /// record's.
    ///
    /// # Errors
    /// There is no such topic or partition.
    pub fn watermarks(&self, topic: &str, partition: u32) -> Result<(i64, i64), TransportError> {
        self.main
            .shared
            .on_partition(topic, partition, |log| (log.low(), log.end()))
    }

    /// The offset that a group has committed for a partition.
    #[must_use]
    pub fn committed(&self, group: &str, topic: &str, partition: u32) -> Option<i64> {
        self.main.shared.lock().committed(group, topic, partition)
    }

    /// Gives records of a topic the broker's time at their append instead of their own from now on, as
    /// `message.timestamp.type=LogAppendTime` does.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn set_log_append_time(&self, topic: &str) -> Result<(), TransportError> {
        let shared = &self.main.shared;
        let executor = Arc::clone(&shared.executor);
        shared.on_topic(topic, |topic| topic.append_time = Some(executor))
    }

    /// Sets the largest record that producers take, with its overhead. The default is 1,000,000
    /// bytes, as Kafka clients have it.
    pub fn set_max_record_bytes(&self, bytes: usize) {
        self.main.shared.lock().max_record_bytes = bytes;
    }

    /// Sets how many bytes a partition holds before its oldest records go. The default is 64 MiB.
    pub fn set_max_log_bytes(&self, bytes: usize) {
        self.main.shared.lock().max_log_bytes = bytes;
    }
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster for MemoryBroker {}

impl sealed::Open for MemoryBroker {
    fn open(&self) -> Result<Arc<dyn Transport>, TransportError> {
        self.main.open()
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBroker").finish_non_exhaustive()
    }
}
