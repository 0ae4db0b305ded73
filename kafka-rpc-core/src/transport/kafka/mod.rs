//! Apache Kafka through librdkafka: the only module that names it, and the only one that makes threads
//! beside those of a tokio runtime.
//!
//! Every client of librdkafka lives on a thread of its own, which polls it and tears it down: both
//! block, and neither may happen on an async worker or on the thread of whoever drops a handle. A
//! handle therefore holds what its thread shares with it, and tells it to stop.

mod blocking;
mod clients;
mod clock;
mod commit;
mod defaults;
mod effective;
mod embedded;
mod errors;
mod events;
mod ffi;
mod flow;
mod group;
mod handover;
mod latch;
mod leave;
mod lines;
mod listener;
mod offsets;
mod producer;
mod profile;
mod rebalance;
mod reports;
mod runner;
mod settings;
mod topics;
mod turn;
mod window;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use effective::{EffectiveSettings, Role};
pub use profile::Profile;
pub use settings::Kafka;

use self::clients::Settings;
use super::{
    BoxFuture, Clock, DeliverySink, Duplicates, GroupOptions, GroupSink, Listener, ListenerSink,
    Membership, Producer, TopicSpec, Transport, TransportError,
};

/// The transport over one Kafka cluster. It holds no connection; what it opens does.
struct KafkaTransport {
    settings: Arc<Settings>,
}

impl KafkaTransport {
    fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }
}

impl Transport for KafkaTransport {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(clock::SystemClock)
    }

    fn describe(&self) -> String {
        self.settings.brokers().to_owned()
    }

    fn producer(
        &self,
        duplicates: Duplicates,
        sink: Arc<dyn DeliverySink>,
    ) -> BoxFuture<Result<Arc<dyn Producer>, TransportError>> {
        producer::open(&self.settings, duplicates, sink)
    }

    fn listen(
        &self,
        topic: &str,
        partition: u32,
        sink: Arc<dyn ListenerSink>,
    ) -> BoxFuture<Result<Box<dyn Listener>, TransportError>> {
        listener::open(&self.settings, topic, partition, sink)
    }

    fn join(
        &self,
        options: GroupOptions,
        sink: Arc<dyn GroupSink>,
    ) -> BoxFuture<Result<Arc<dyn Membership>, TransportError>> {
        group::join(&self.settings, options, sink)
    }

    fn partitions(
        &self,
        topic: &str,
        patience: Duration,
    ) -> BoxFuture<Result<Option<u32>, TransportError>> {
        topics::partitions(&self.settings, topic, patience)
    }

    fn ends(
        &self,
        topic: &str,
        partitions: u32,
        patience: Duration,
    ) -> BoxFuture<Vec<Option<i64>>> {
        topics::ends(&self.settings, topic, partitions, patience)
    }

    fn create_topic(&self, topic: TopicSpec) -> BoxFuture<Result<(), TransportError>> {
        topics::create(&self.settings, topic)
    }
}
