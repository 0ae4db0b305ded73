//! Apache Kafka through librdkafka: the only module that names it, and the only one that makes threads
//! beside those of a tokio runtime.
//!
//! Every client of librdkafka lives on a thread of its own, which polls it and tears it down: both
//! block, and neither may happen on an async worker or on the thread of whoever drops a handle. A
//! handle therefore holds what its thread shares with it, and tells it to stop.
//!
//! # Threads and locks
//!
//! | Thread | How many | What it does |
//! |---|---|---|
//! | `kafka-rpc-producer` | one a producer | reads delivery reports and events, replaces a client after a fatal error, and is the only one to destroy one |
//! | `kafka-rpc-listener` | one a listener | starts and ends the consumer, and reads while the task does not |
//! | a task on the caller's runtime | one a listener, where there is a runtime | reads replies and wakes their callers |
//! | `kafka-rpc-group` | two a member | one holds the lease, polls, runs rebalances and quick handlers; the other takes over if that takes long |
//! | `kafka-rpc-offsets` | one a question | asks what a group has committed for new partitions, which blocks; the consumer's end waits for it |
//! | `kafka-rpc-metadata`, `-admin` | one a lookup or creation | asks, answers, then destroys its client |
//! | `kafka-rpc-topics` | one a watch | looks up every few seconds how many partitions topics have |
//! | `kafka-rpc-flush`, `-leave` | one a call | waits for another thread on behalf of a future |
//! | `kafka-rpc-clock` | one an alarm | sleeps until it is due, and ticks |
//! | `kafka-rpc-embedded` | one, at the end | destroys the cluster within the process |
//! | `rdk:…` | librdkafka's own | connections; call [`ffi::Alerted`] when something comes into an empty queue |
//!
//! Callers' threads and async workers produce records (`Producer::produce`, `release`), read what was
//! reported meanwhile, and commit offsets by noting them; none of that blocks.
//!
//! Locks are taken in this order, and none of a later line before one of an earlier:
//!
//! 1. a member's `poller` (while it polls, and so during every call of its sink), or the listener's
//!    reader (likewise);
//! 2. whatever sinks take: those of client and server;
//! 3. in the producer, the state of one partition in flight, held while its record is handed to
//!    librdkafka, so that no later record overtakes it;
//! 4. in the producer, the slot of the client, which is read for the time of a clone only, and the
//!    topics of `ffi`'s producer, held while a record is handed over;
//! 5. librdkafka's own locks;
//! 6. what is woken from its queues' callbacks: the sleep of the producer's thread, of a polling
//!    consumer and of the listener's thread, and the waker of the reading task.
//!
//! A member's `partitions`, `last_commits`, `commit_since` and `leave_by`, the answers to its questions, the
//! lease's lock, the producer's `batch` and `ended`, a client's last failure and a latch are leaves: under
//! them nothing else is locked or called.
//! [`lock_order`](crate::util::lock_order) has all ranks.

mod admin;
mod client;
mod config;
mod consumer;
mod ffi;
mod producer;
mod transport;

#[cfg(test)]
mod tests;

pub use config::effective::{EffectiveSettings, Role};
pub use config::group_protocol::GroupProtocol;
pub use config::profile::Profile;
pub use config::settings::Kafka;
