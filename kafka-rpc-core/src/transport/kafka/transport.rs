//! The transport over one Kafka cluster.

use std::sync::Arc;
use std::time::Duration;

use super::admin::{facts, topics};
use super::client::clock::SystemClock;
use super::config::clients::Settings;
use super::config::settings::Kafka;
use super::consumer::{group, listener};
use super::ffi;
use super::producer::handle;
use crate::transport::sealed::Open;
use crate::transport::{
    BoxFuture, Clock, Cluster, DeliverySink, Duplicates, GroupOptions, GroupSink, Listener,
    ListenerSink, Membership, Producer, TopicFacts, TopicSpec, Transport, TransportError,
};

/// The transport over one Kafka cluster. It holds no connection; what it opens does.
struct KafkaTransport {
    settings: Arc<Settings>,
}

impl Open for Kafka {
    fn open(&self) -> Result<Arc<dyn Transport>, TransportError> {
        self.0.check()?;
        ffi::warn_if_untested();
        Ok(Arc::new(KafkaTransport {
            settings: Arc::clone(&self.0),
        }))
    }
}

impl Cluster for Kafka {}

impl Transport for KafkaTransport {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    fn describe(&self) -> String {
        self.settings.brokers().to_owned()
    }

    fn producer(
        &self,
        duplicates: Duplicates,
        sink: Arc<dyn DeliverySink>,
    ) -> BoxFuture<Result<Arc<dyn Producer>, TransportError>> {
        handle::open(&self.settings, duplicates, sink)
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
        timeout: Duration,
    ) -> BoxFuture<Result<Option<u32>, TransportError>> {
        topics::partitions(&self.settings, topic, timeout)
    }

    fn facts(
        &self,
        topics: Vec<String>,
        patience: Duration,
    ) -> BoxFuture<Result<Vec<TopicFacts>, TransportError>> {
        facts::facts(&self.settings, topics, patience)
    }

    fn create_topic(&self, topic: TopicSpec) -> BoxFuture<Result<(), TransportError>> {
        topics::create(&self.settings, topic)
    }
}
