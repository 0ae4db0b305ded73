//! How records get into topics, and how their senders hear what became of them.

use std::sync::Arc;
use std::time::Duration;

use crate::transport::{BoxFuture, TopicsSink, TransportError, Watch};

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

    /// Looks up all topics of the sink in one request, every so often, until the watch is dropped. What
    /// the sink is told of, records can be produced to.
    ///
    /// # Errors
    /// The system can't start a thread.
    fn watch(
        &self,
        every: Duration,
        sink: Arc<dyn TopicsSink>,
    ) -> Result<Box<dyn Watch>, TransportError>;

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
