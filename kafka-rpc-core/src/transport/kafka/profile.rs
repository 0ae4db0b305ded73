//! What the clients' settings are chosen for.

use super::defaults::{self, Table};

/// What the clients of a [`Kafka`](super::Kafka) are tuned for.
///
/// It changes defaults only: a setting by [`Kafka::set`](super::Kafka::set) wins over it, and every
/// guarantee holds with each profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// A record is sent, and read, as soon as it can be: for calls that somebody waits for.
    #[default]
    Latency,
    /// Records wait a few milliseconds for company, each way: fewer and larger requests, and so less
    /// CPU time a call for clients, servers and brokers. For many calls in flight, or
    /// for a cluster that is short of CPU time; a lone call is several milliseconds slower.
    Throughput,
}

impl Profile {
    pub(super) fn producer(self) -> Table {
        match self {
            Self::Latency => &[],
            Self::Throughput => defaults::THROUGHPUT_PRODUCER,
        }
    }

    pub(super) fn consumer(self) -> Table {
        match self {
            Self::Latency => &[],
            Self::Throughput => defaults::THROUGHPUT_CONSUMER,
        }
    }
}
