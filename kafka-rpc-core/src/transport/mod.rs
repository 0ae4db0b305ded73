//! The one narrow, push-based trait over bytes and headers on which client and server stand.
//!
//! A transport is told to produce and calls back with what became of it; it pushes records into
//! sinks; and it supplies the clock and the alarms. There are two: `kafka`, the only module that
//! names librdkafka and that makes threads beside tokio's, and `memory`, which runs as tasks and is
//! deterministic under paused tokio time.
//!
//! Sinks are called on the transport's own threads or tasks: they must not block, and they may call
//! back into the transport.

pub mod kafka;
pub mod memory;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Code, Outcome, RpcError};

/// A boxed future, since the transport is used as a trait object.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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

    /// Joins a consumer group on one topic. It is ready once the member is created, which may be
    /// before the first partition is assigned.
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

    /// The end offset of each of a topic's first `partitions` partitions; `None` where it can't be
    /// read in time.
    fn ends(&self, topic: &str, partitions: u32, patience: Duration)
    -> BoxFuture<Vec<Option<i64>>>;

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

/// Time as a transport sees it; the only source of time in client and server.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for deadlines.
    fn now(&self) -> Instant;

    /// Wall time in microseconds since the Unix epoch.
    fn wall_us(&self) -> i64;

    /// Wall time in milliseconds since the Unix epoch, for record timestamps.
    fn wall_ms(&self) -> i64 {
        self.wall_us().div_euclid(1000)
    }

    /// Wall time at `now`, a moment that was got from [`now`](Self::now) just before. Where looking
    /// at a clock is expensive, this may be some milliseconds late in noticing that the wall clock
    /// was set.
    fn wall_us_at(&self, now: Instant) -> i64 {
        let _ = now;
        self.wall_us()
    }

    /// Calls `tick` at the times that it asks for, until the returned alarm is dropped.
    fn alarm(&self, tick: Arc<dyn Tick>) -> Box<dyn Alarm>;
}

/// Something to be done at certain times.
pub trait Tick: Send + Sync {
    /// Does what is due at `now`, and says when it wants to be called next.
    fn tick(&self, now: Instant) -> Option<Instant>;
}

/// A running alarm. Dropping it stops it, without blocking.
pub trait Alarm: Send + Sync {
    /// Makes sure that the tick is called at `at` or earlier.
    fn ring_by(&self, at: Instant);
}

/// A record to be produced.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; always chosen by the caller.
    pub partition: u32,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value.
    pub value: &'a [u8],
    /// The record's headers, in order.
    pub headers: &'a [(String, Vec<u8>)],
    /// The producer's wall clock, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Whether somebody waits for its delivery report; others may be told some milliseconds late.
    pub urgent: bool,
}

/// The largest token that a record may be handed over with.
pub const MAX_TOKEN: u64 = (1 << 47) - 1;

/// Appends records to topics.
pub trait Producer: Send + Sync {
    /// Hands a record over, without blocking. What became of it is told to the sink with the same
    /// token, exactly once, if this returned `Ok`, and never if it returned an error: then the
    /// record certainly isn't in the log. That may be before this returns, and reports of other
    /// records may be told meanwhile. A token is at most [`MAX_TOKEN`].
    ///
    /// # Errors
    /// The queue is full, the record is too large, or the producer is closed.
    fn produce(&self, record: Record<'_>, token: u64) -> Result<(), TransportError>;

    /// Holds records back from now on, so that those of one moment go together, until `release`, but
    /// for some milliseconds at most. Says whether it does; by default it doesn't.
    fn hold(&self) -> bool {
        false
    }

    /// Lets records go that were held back.
    fn release(&self) {}

    /// Done when nothing is outstanding, or after `patience`.
    fn flush(&self, patience: Duration) -> BoxFuture<()>;
}

/// Is told what became of produced records.
pub trait DeliverySink: Send + Sync {
    /// The record that was handed over with this token ended so.
    fn delivered(&self, token: u64, delivery: Delivery);

    /// The records that were handed over with these tokens are in the log.
    fn persisted(&self, tokens: &[u64]) {
        for &token in tokens {
            self.delivered(token, Delivery::Persisted);
        }
    }
}

/// What became of a produced record.
#[derive(Debug)]
pub enum Delivery {
    /// It is in the log.
    Persisted,
    /// It is certainly not in the log.
    NotPersisted(TransportError),
    /// It may be in the log.
    Unknown(TransportError),
}

/// A record from a topic, borrowed from the transport's buffer.
pub struct Incoming<'a> {
    /// The partition that it was read from.
    pub partition: u32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its timestamp in milliseconds since the Unix epoch; 0 if it has none.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, decoded only when asked for.
    pub headers: &'a dyn Headers,
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        f.debug_struct("Incoming")
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// The headers of an incoming record.
pub trait Headers {
    /// Calls `visit` with each header that has a value, in order.
    fn each(&self, visit: &mut dyn FnMut(&str, &[u8]));
}

/// Is told what a groupless listener reads.
pub trait ListenerSink: Send + Sync {
    /// A record was read.
    fn record(&self, record: Incoming<'_>);

    /// Records were lost between the last one and the next: the partition was truncated by
    /// retention, or its topic was re-created. `lost` is how many, where the offsets tell.
    fn gap(&self, lost: Option<u64>);

    /// Something failed that the listener goes on trying to mend.
    fn trouble(&self, error: TransportError);
}

/// A running listener. Dropping it stops it, without blocking.
pub trait Listener: Send + Sync {}

/// How to join a consumer group.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The group's name.
    pub group: String,
    /// The one topic that is subscribed to.
    pub topic: String,
    /// A static member's name, which keeps its partitions over a quick restart.
    pub instance: Option<String>,
    /// How long a revocation waits for its `Release`.
    pub revoke_patience: Duration,
}

/// Is told what a group member reads, and what it owns.
pub trait GroupSink: Send + Sync {
    /// These partitions are the member's from now on; called before any of their records.
    fn assigned(&self, partitions: &[Assigned]);

    /// These partitions are about to be taken away: no record of them comes after this. They are
    /// given up when `release` is dropped, or when the member's patience ends; commits made before
    /// that still count.
    fn revoked(&self, partitions: &[u32], release: Release);

    /// These partitions are the member's no longer; commits for them are ignored.
    fn lost(&self, partitions: &[u32]);

    /// A record was read. What this returns is to be run at once, on the same thread.
    fn record(&self, record: Incoming<'_>) -> Option<Box<dyn Work>>;

    /// No further record is at hand: what was held back to go with the next one is to go now. Comes
    /// after any number of records, on the same thread.
    fn flush(&self);

    /// Nothing was waiting to be read: the member has caught up with what it has fetched.
    fn idle(&self);

    /// Something failed that the member goes on trying to mend.
    fn trouble(&self, error: TransportError);
}

/// What a record led to, and may take long: a member whose thread is held up by it lets another one
/// read on.
pub trait Work: Send {
    /// Does it.
    fn run(self: Box<Self>);
}

/// A partition that was assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The partition's number.
    pub partition: u32,
    /// The partition's end offset, read at assignment; `None` if it couldn't be read. A record at
    /// or above it was certainly never handed to an earlier owner.
    pub end: Option<i64>,
}

/// Holds a revocation open; dropping it lets the partitions go.
pub struct Release(Option<Box<dyn FnOnce() + Send>>);

impl Release {
    /// Runs `then` when it is dropped.
    pub fn new(then: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Release").finish_non_exhaustive()
    }
}

/// A member of a consumer group. Dropping it leaves the group in the background.
pub trait Membership: Send + Sync {
    /// Notes that everything below `next` is done; it is committed soon, without blocking.
    fn commit(&self, partition: u32, next: i64);

    /// Stops records from coming, on all partitions, until `resume`. Records that are already on
    /// their way may still come.
    fn pause(&self);

    /// Lets records come again.
    fn resume(&self);

    /// Revokes everything (through the sink), commits, and leaves the group. Done after `patience`
    /// at the latest.
    fn leave(&self, patience: Duration) -> BoxFuture<()>;
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

/// Why the transport can't do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What kind of failure it is.
    pub kind: TransportErrorKind,
    /// What happened, without secrets or payloads.
    pub message: String,
}

impl TransportError {
    /// An error of this kind.
    pub fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// Says first what was being done.
    #[must_use]
    pub(crate) fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// The same failure as users see it, with what it means for the call.
    #[must_use]
    pub(crate) fn into_rpc(self, outcome: Outcome) -> RpcError {
        let code = match self.kind {
            TransportErrorKind::Configuration | TransportErrorKind::TooLarge => {
                Code::InvalidArgument
            }
            TransportErrorKind::PermissionDenied => Code::PermissionDenied,
            TransportErrorKind::Unauthenticated => Code::Unauthenticated,
            TransportErrorKind::QueueFull => Code::ResourceExhausted,
            TransportErrorKind::Unavailable
            | TransportErrorKind::UnknownTopic
            | TransportErrorKind::Closed
            | TransportErrorKind::Other => Code::Unavailable,
        };
        RpcError::new(code, outcome, self.message)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportErrorKind {
    /// A setting is refused or has no meaning.
    Configuration,
    /// No broker could be reached, or not in time.
    Unavailable,
    /// The topic or partition doesn't exist.
    UnknownTopic,
    /// The broker's access control refuses it.
    PermissionDenied,
    /// The broker refuses the credentials.
    Unauthenticated,
    /// The record is larger than the limit.
    TooLarge,
    /// The producer's queue is full.
    QueueFull,
    /// The producer, listener or member was closed.
    Closed,
    /// Anything else.
    Other,
}
