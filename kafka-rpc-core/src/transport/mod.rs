//! The one narrow, push-based trait over bytes and headers on which client and server stand.
//!
//! A transport is told to produce and calls back with what became of it; it pushes records into
//! sinks; and it supplies the clock and the alarms. There are two: `kafka`, the only module that
//! names librdkafka and that makes threads beside tokio's, and `memory`, which runs as tasks and is
//! deterministic under paused tokio time.
//!
//! Sinks are called on the transport's own threads or tasks: they must not block, and they may call
//! back into the transport.

mod clock;
mod consumer;
mod error;
mod future;
#[cfg(not(kafka_rpc_loom))]
pub mod kafka;
/// What models need of it: the parts that know nothing of librdkafka.
#[cfg(kafka_rpc_loom)]
pub(crate) mod kafka {
    pub(crate) mod consumer {
        pub(crate) mod watchdog;
    }
    pub(crate) mod producer {
        pub(crate) mod inflight;
        pub(crate) mod wakeup;
    }
}
pub mod memory;
mod producer;
mod standing;
mod watch;

use std::sync::Arc;
use std::time::Duration;

pub use self::clock::{Alarm, Clock, Tick};
pub use self::consumer::{
    Assigned, Committed, GroupOptions, GroupSink, Headers, Incoming, Listener, ListenerSink,
    Membership, Progress, Work,
};
pub use self::error::{TransportError, TransportErrorKind};
pub use self::future::BoxFuture;
pub use self::producer::{Delivery, DeliverySink, MAX_TOKEN, Producer, Record};
pub use self::standing::{Lag, Permission, Standing, TopicFacts};
pub use self::watch::{TopicsSink, Watch};

/// What the client and the server need of a broker.
pub trait Transport: Send + Sync + 'static {
    /// The clock and the alarms of this transport.
    fn clock(&self) -> Arc<dyn Clock>;

    /// The brokers that it connects to, for error messages that give them as an option of a
    /// command: no credentials.
    fn describe(&self) -> String;

    /// Opens a producer and warms it up: once it is ready, the first record pays no connecting.
    fn producer(
        &self,
        duplicates: Duplicates,
        sink: Arc<dyn DeliverySink>,
    ) -> BoxFuture<Result<Arc<dyn Producer>, TransportError>>;

    /// Listens to one partition without a group. When it is ready, every record that is appended
    /// from now on reaches the sink.
    fn listen(
        &self,
        topic: &str,
        partition: u32,
        sink: Arc<dyn ListenerSink>,
    ) -> BoxFuture<Result<Box<dyn Listener>, TransportError>>;

    /// Joins a consumer group on one topic. It is ready once the group has accepted the member, with or
    /// without partitions, and fails if the group refuses it, or can't be asked within 5 s. A group that
    /// is rebalancing may take longer, 30 s at most.
    fn join(
        &self,
        options: GroupOptions,
        sink: Arc<dyn GroupSink>,
    ) -> BoxFuture<Result<Arc<dyn Membership>, TransportError>>;

    /// The number of partitions of a topic; `None` if the topic doesn't exist. Answers within
    /// `patience` or fails.
    fn partitions(
        &self,
        topic: &str,
        patience: Duration,
    ) -> BoxFuture<Result<Option<u32>, TransportError>>;

    /// What is known of these topics, in the same order: their settings, and what may be done with them.
    /// Answers within `patience`. Fails only if nothing can be asked; what can't be known is left out.
    fn facts(
        &self,
        topics: Vec<String>,
        patience: Duration,
    ) -> BoxFuture<Result<Vec<TopicFacts>, TransportError>>;

    /// Creates a topic and waits until it can be used; done at once if it exists.
    fn create_topic(&self, topic: TopicSpec) -> BoxFuture<Result<(), TransportError>>;
}

/// Whether a record that is sent again, because its acknowledgement was lost, may be in the log twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// It is there once.
    Never,
    /// Its reader drops what it has seen. In turn, batches needn't wait for each other.
    Harmless,
}

/// Something that transports can be opened on: a Kafka cluster, or a broker in memory.
pub trait Cluster: sealed::Open {}

pub(crate) mod sealed {
    use std::sync::Arc;

    use super::{Transport, TransportError};

    /// What a [`Cluster`](super::Cluster) does; sealed, so that it can grow.
    pub trait Open {
        /// Opens a transport, without connecting yet.
        ///
        /// # Errors
        /// A setting is refused or has no meaning.
        fn open(&self) -> Result<Arc<dyn Transport>, TransportError>;
    }
}

/// Opens a transport by itself, for tests and tools that need records as they are.
///
/// # Errors
/// A setting is refused or has no meaning.
pub fn open(cluster: &impl Cluster) -> Result<Arc<dyn Transport>, TransportError> {
    cluster.open()
}

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// The topic's name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many replicas; `None` for the broker's default.
    pub replication: Option<u16>,
    /// How long records are kept.
    pub retention: Duration,
}
