//! What the clients' settings are chosen for.

use crate::transport::kafka::config::defaults::{self, Table};

/// What the clients of a [`Kafka`](crate::transport::kafka::Kafka) are tuned for.
///
/// It changes defaults only: a setting by [`Kafka::set`](crate::transport::kafka::Kafka::set) wins over it, and every
/// guarantee holds with each profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// A record is sent, and read, as soon as it can be: for calls that somebody waits for.
    #[default]
    Latency,
    /// Records wait two milliseconds for others before they are sent: fewer and larger requests, and
    /// so less CPU time a call for clients, servers and brokers. It is for hundreds of calls in
    /// flight and more; with few, every call is slower by about five milliseconds, both ways together.
    Throughput,
}

impl Profile {
    pub(in crate::transport::kafka) fn producer(self) -> Table {
        match self {
            Self::Latency => &[],
            Self::Throughput => defaults::THROUGHPUT,
        }
    }
}
