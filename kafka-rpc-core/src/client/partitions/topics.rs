//! The commands topics that a client is attached to, and the watch that sees them change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::client::partitions::Partitions;
use crate::transport::{TopicsSink, TransportError};
use crate::util::lock_order::CLIENT_TOPICS;
use crate::util::sync::{Mutex, lock};

/// How often the topics are looked up. With the time of a look-up, a change is known within 5 s.
pub(in crate::client) const LOOK_UP_EVERY: Duration = Duration::from_secs(4);

/// The commands topics that a client is attached to, by name. A topic is forgotten when the last client
/// of a service on it has gone.
#[derive(Debug, Default)]
pub(in crate::client) struct CommandsTopics {
    known: Mutex<BTreeMap<String, Weak<Partitions>>, CLIENT_TOPICS>,
    failed: AtomicU64,
}

impl CommandsTopics {
    /// What is known of a topic, which has just been looked up and has so many partitions.
    pub(in crate::client) fn attach(
        &self,
        topic: &str,
        count: u32,
        now: Instant,
    ) -> Arc<Partitions> {
        let mut known = lock(&self.known);
        known.retain(|_, partitions| partitions.strong_count() > 0);
        if let Some(partitions) = known.get(topic).and_then(Weak::upgrade) {
            drop(known);
            partitions.set_count(count);
            return partitions;
        }
        let partitions = Arc::new(Partitions::new(topic, count, now));
        known.insert(topic.to_owned(), Arc::downgrade(&partitions));
        partitions
    }

    /// Forgets all of them, so that none is looked up any more.
    pub(in crate::client) fn close(&self) {
        lock(&self.known).clear();
    }

    /// How many partitions are avoided, of all topics.
    pub(in crate::client) fn avoided(&self) -> u64 {
        self.all().iter().map(|one| one.avoided()).sum()
    }

    /// How often the topics couldn't be looked up.
    pub(in crate::client) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn all(&self) -> Vec<Arc<Partitions>> {
        lock(&self.known)
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

impl TopicsSink for CommandsTopics {
    fn topics(&self) -> Vec<String> {
        self.all().iter().map(|one| one.topic.clone()).collect()
    }

    fn has(&self, topic: &str, partitions: u32) {
        let found = lock(&self.known).get(topic).and_then(Weak::upgrade);
        if let Some(found) = found {
            found.set_count(partitions);
        }
    }

    fn trouble(&self, error: TransportError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if let Some(suppressed) = error.pass_throttle("client", "commands topics") {
            tracing::warn!(
                target: "kafka_rpc::client",
                %error,
                suppressed,
                "can't look up how many partitions the commands topics have by now"
            );
        }
    }
}
