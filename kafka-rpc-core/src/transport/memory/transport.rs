//! The in-memory broker as a transport.

use std::sync::Arc;
use std::time::Duration;

use crate::transport::memory::clock::MemoryClock;
use crate::transport::memory::fate::Access;
use crate::transport::memory::listener::MemoryListener;
use crate::transport::memory::membership::MemoryMembership;
use crate::transport::memory::node::Node;
use crate::transport::memory::process::MemoryNode;
use crate::transport::memory::producer::MemoryProducer;
use crate::transport::memory::state::Shared;
use crate::transport::{
    BoxFuture, Clock, DeliverySink, Duplicates, GroupOptions, GroupSink, Listener, ListenerSink,
    Membership, Permission, Producer, TopicFacts, TopicSpec, Transport, TransportError,
};

/// A node's connection. Its futures are ready when they are first polled, but for those that wait
/// for something by their nature: `flush`, `leave`, and asking a broker that can't be reached.
pub(super) struct MemoryTransport {
    shared: Arc<Shared>,
    node: Arc<Node>,
}

impl MemoryTransport {
    pub(super) fn new(node: &MemoryNode) -> Self {
        Self {
            shared: Arc::clone(&node.shared),
            node: Arc::clone(&node.node),
        }
    }

    /// Runs `act` on the first poll.
    fn lazily<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Arc<Shared>, &Arc<Node>) -> T + Send + 'static,
    ) -> BoxFuture<T> {
        let (shared, node) = (Arc::clone(&self.shared), Arc::clone(&self.node));
        Box::pin(async move { act(&shared, &node) })
    }
}

impl Transport for MemoryTransport {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(MemoryClock {
            shared: Arc::clone(&self.shared),
            node: Arc::clone(&self.node),
        })
    }

    fn describe(&self) -> String {
        format!("the in-memory broker (as {})", self.node.name)
    }

    fn producer(
        &self,
        _: Duplicates,
        sink: Arc<dyn DeliverySink>,
    ) -> BoxFuture<Result<Arc<dyn Producer>, TransportError>> {
        self.lazily(|shared, node| {
            shared.lock().check_connected(node)?;
            let producer: Arc<dyn Producer> = MemoryProducer::new(shared, node, sink);
            Ok(producer)
        })
    }

    fn listen(
        &self,
        topic: &str,
        partition: u32,
        sink: Arc<dyn ListenerSink>,
    ) -> BoxFuture<Result<Box<dyn Listener>, TransportError>> {
        let topic = topic.to_owned();
        self.lazily(move |shared, node| {
            let listener = MemoryListener::start(shared, node, &topic, partition, sink)?;
            let listener: Box<dyn Listener> = Box::new(listener);
            Ok(listener)
        })
    }

    fn join(
        &self,
        options: GroupOptions,
        sink: Arc<dyn GroupSink>,
    ) -> BoxFuture<Result<Arc<dyn Membership>, TransportError>> {
        self.lazily(move |shared, node| {
            let membership: Arc<dyn Membership> =
                MemoryMembership::start(shared, node, options, sink)?;
            Ok(membership)
        })
    }

    fn partitions(
        &self,
        topic: &str,
        patience: Duration,
    ) -> BoxFuture<Result<Option<u32>, TransportError>> {
        let (shared, node) = (Arc::clone(&self.shared), Arc::clone(&self.node));
        let topic = topic.to_owned();
        Box::pin(async move {
            if !node.connected() {
                shared.executor.sleep(patience).await;
            }
            let state = shared.lock();
            state.check(&node, &topic, Access::Describe)?;
            Ok(state.partitions(&topic).ok())
        })
    }

    fn facts(
        &self,
        topics: Vec<String>,
        patience: Duration,
    ) -> BoxFuture<Result<Vec<TopicFacts>, TransportError>> {
        let (shared, node) = (Arc::clone(&self.shared), Arc::clone(&self.node));
        Box::pin(async move {
            if !node.connected() {
                shared.executor.sleep(patience).await;
            }
            let state = shared.lock();
            state.check_connected(&node)?;
            let known = |topic: String| {
                let may = |access| Permission::from(state.check_access(&topic, access).is_ok());
                TopicFacts {
                    read: may(Access::Read),
                    write: may(Access::Write),
                    // They are always those that calls need.
                    settings: Some(Vec::new()),
                    topic,
                }
            };
            Ok(topics.into_iter().map(known).collect())
        })
    }

    fn create_topic(&self, topic: TopicSpec) -> BoxFuture<Result<(), TransportError>> {
        self.lazily(move |shared, node| {
            let mut state = shared.lock();
            state.check(node, &topic.name, Access::Create)?;
            state.create_topic(&topic.name, topic.partitions)
        })
    }
}
