//! What the clones of a client share, and what a client knows of a service that it is attached to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::call::Extensions;
use crate::client::clocks::ServerClocks;
use crate::client::options::Options;
use crate::client::outbound::batcher::Batcher;
use crate::client::partitions::Partitions;
use crate::client::partitions::topics::CommandsTopics;
use crate::client::pending::Registry;
use crate::middleware::Stack;
use crate::transport::{Alarm, Clock, Listener, Producer, Transport, Watch};
use crate::util::lock_order::{CLIENT_KEPT, CLIENT_REPLY_PARTITIONS};
use crate::util::sync::{Mutex, lock};
use crate::wire::CallId;
use crate::{Descriptor, Method};

/// What all clones of a client share.
pub(crate) struct Connection {
    pub(super) registry: Arc<Registry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) alarm: Box<dyn Alarm>,
    pub(super) producer: Arc<dyn Producer>,
    pub(super) batcher: Batcher,
    /// What calls go through before they are sent.
    pub(crate) layers: Stack,
    pub(super) options: Options,
    pub(super) transport: Arc<dyn Transport>,
    /// The random part of this client's call ids.
    pub(super) instance: [u8; 8],
    pub(super) next_sequence: AtomicU64,
    /// By results topic. Emptied when the client is closed.
    pub(super) reply_partitions:
        Mutex<BTreeMap<String, Arc<ReplyPartition>>, CLIENT_REPLY_PARTITIONS>,
    pub(super) commands_topics: Arc<CommandsTopics>,
    /// Sees those topics change until it is dropped.
    pub(super) _watch: Box<dyn Watch>,
    /// Held while a listener is started, so that a topic never has two.
    pub(super) starting: tokio::sync::Mutex<()>,
    /// What lives as long as this and is none of its business.
    pub(super) kept: Mutex<Extensions, CLIENT_KEPT>,
}

/// The partition of a results topic that this client listens to.
pub(super) struct ReplyPartition {
    /// Unique among those of one client.
    pub(super) number: u32,
    pub(super) topic: String,
    pub(super) partition: u32,
    /// Listens until it is dropped.
    pub(super) listener: Box<dyn Listener>,
}

/// A service that a client is attached to.
pub(crate) struct Attached {
    pub(super) connection: Arc<Connection>,
    pub(super) descriptor: &'static Descriptor,
    pub(super) fingerprint: u64,
    /// The commands topic.
    pub(super) commands: String,
    /// Of the commands topic.
    pub(super) partitions: Arc<Partitions>,
    pub(super) replies: Arc<ReplyPartition>,
    /// Of whoever serves the commands topic.
    pub(super) clocks: ServerClocks,
}

impl Connection {
    pub(super) fn next_id(&self) -> CallId {
        let sequence = self.next_sequence.fetch_add(1, Ordering::Relaxed);
        CallId::new(self.instance, sequence)
    }

    /// The value of this type that is kept for as long as the connection lives. `make` makes it if
    /// there is none yet, once however many threads ask.
    pub(crate) fn keep<T: Clone + Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> T {
        let mut kept = lock(&self.kept);
        if let Some(value) = kept.get::<T>() {
            return value.clone();
        }
        let value = make();
        kept.insert(value.clone());
        value
    }
}

impl Attached {
    /// A method as errors name it.
    pub(super) fn name(&self, method: &Method) -> String {
        format!("{}.{}", self.descriptor.name, method.name)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("brokers", &self.transport.describe())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached")
            .field("service", &self.descriptor.name)
            .finish_non_exhaustive()
    }
}
