//! How topics are watched while they are used.

use crate::transport::TransportError;

/// Is asked which topics to watch, and told what they are like.
pub trait TopicsSink: Send + Sync {
    /// The names of the topics.
    fn topics(&self) -> Vec<String>;

    /// One of them has so many partitions now.
    fn has(&self, topic: &str, partitions: u32);

    /// They can't be looked up, and the watch goes on trying.
    fn trouble(&self, error: TransportError);
}

/// A running watch. Dropping it ends it, without blocking.
pub trait Watch: Send + Sync {}
