//! Everything that the broker knows, under one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::transport::memory::balance::MemberId;
use crate::transport::memory::fate::Access;
use crate::transport::memory::group::Group;
use crate::transport::memory::link::Link;
use crate::transport::memory::log::{Partition, Topic};
use crate::transport::memory::node::Node;
use crate::transport::memory::record::Parts;
use crate::transport::memory::runtime::Executor;
use crate::transport::{TransportError, TransportErrorKind};
use crate::util::lock_order::MEMORY_BROKER;
use crate::util::sync::{Mutex, MutexGuard, lock};

pub(super) fn unknown_topic(topic: &str, partition: Option<u32>) -> TransportError {
    let message = match partition {
        None => format!("topic {topic} does not exist"),
        Some(partition) => format!("topic {topic} has no partition {partition}"),
    };
    TransportError::new(TransportErrorKind::UnknownTopic, message)
}

/// What is denied, by topic.
pub(super) type Denied = BTreeMap<String, BTreeSet<Access>>;

/// The error of an access that is denied.
pub(super) fn refusal(denied: &Denied, topic: &str, access: Access) -> Option<TransportError> {
    denied.get(topic)?.contains(&access).then(|| {
        TransportError::new(
            TransportErrorKind::PermissionDenied,
            format!("{access:?} access to topic {topic} is denied"),
        )
    })
}

pub(super) fn unreachable(node: &Node) -> TransportError {
    TransportError::new(
        TransportErrorKind::Unavailable,
        format!("{} can't reach the in-memory broker", node.name),
    )
}

/// What all handles of one broker share.
pub(super) struct Shared {
    pub(super) executor: Arc<Executor>,
    state: Mutex<State, MEMORY_BROKER>,
}

impl Shared {
    pub(super) fn new(executor: Arc<Executor>) -> Self {
        Self {
            executor,
            state: Mutex::new(State::new()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State, MEMORY_BROKER> {
        lock(&self.state)
    }

    pub(super) fn on_topic<T>(
        &self,
        topic: &str,
        act: impl FnOnce(&mut Topic) -> T,
    ) -> Result<T, TransportError> {
        let mut state = self.lock();
        let found = state.topics.get_mut(topic);
        found.map(act).ok_or_else(|| unknown_topic(topic, None))
    }

    pub(super) fn on_partition<T>(
        &self,
        topic: &str,
        partition: u32,
        act: impl FnOnce(&mut Partition) -> T,
    ) -> Result<T, TransportError> {
        self.on_topic(topic, |found| found.partition_mut(partition).map(act))?
            .ok_or_else(|| unknown_topic(topic, Some(partition)))
    }
}

pub(super) struct State {
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) groups: Vec<Group>,
    /// By [`Node::id`].
    pub(super) links: Vec<Link>,
    pub(super) denied: Denied,
    last_incarnation: u64,
    pub(super) last_member: MemberId,
    pub(super) max_record_bytes: usize,
    pub(super) max_log_bytes: usize,
}

impl State {
    fn new() -> Self {
        Self {
            topics: BTreeMap::new(),
            groups: Vec::new(),
            links: Vec::new(),
            denied: BTreeMap::new(),
            last_incarnation: 0,
            last_member: 0,
            max_record_bytes: 1_000_000,
            max_log_bytes: 64 << 20,
        }
    }
}

/// Nodes.
impl State {
    pub(super) fn add_node(&mut self, name: &str) -> Arc<Node> {
        let node = Arc::new(Node::new(self.links.len(), name));
        self.links.push(Link::default());
        node
    }

    pub(super) fn link(&mut self, node: &Node) -> &mut Link {
        &mut self.links[node.id]
    }

    fn wake_all(&self) {
        for link in &self.links {
            link.tasks.wake();
        }
    }

    /// Whether the node may ask this of the broker now.
    pub(super) fn check(
        &self,
        node: &Node,
        topic: &str,
        access: Access,
    ) -> Result<(), TransportError> {
        self.check_connected(node)?;
        self.check_access(topic, access)
    }

    pub(super) fn check_connected(&self, node: &Node) -> Result<(), TransportError> {
        if node.connected() {
            return Ok(());
        }
        Err(unreachable(node))
    }

    pub(super) fn check_access(&self, topic: &str, access: Access) -> Result<(), TransportError> {
        refusal(&self.denied, topic, access).map_or(Ok(()), Err)
    }

    pub(super) fn deny(&mut self, topic: &str, access: Access) {
        self.denied
            .entry(topic.to_owned())
            .or_default()
            .insert(access);
    }

    pub(super) fn allow(&mut self, topic: &str, access: Access) {
        if let Some(all) = self.denied.get_mut(topic) {
            all.remove(&access);
        }
        self.wake_all();
    }

    pub(super) fn crash(&mut self, node: &Node) {
        let link = self.link(node);
        link.waiting.clear();
        link.tasks.wake();
        for place in self.places_of(node) {
            self.groups[place.group].crash(place.member);
        }
    }

    /// The node may be connected again: sends what waited, and lets its members go on.
    pub(super) fn reconnect(&mut self, node: &Node) {
        if !node.connected() {
            return;
        }
        for waiting in std::mem::take(&mut self.link(node).waiting) {
            self.settle_waiting(waiting);
        }
        for place in self.places_of(node) {
            let (group, topic) = self.group(place.group);
            group.reconnect(place.member, topic);
        }
        self.link(node).tasks.wake();
    }

    pub(super) fn commit_held(&mut self, node: &Node) {
        for place in self.places_of(node) {
            self.groups[place.group].commit_held(place.member);
        }
    }
}

/// Topics.
impl State {
    pub(super) fn create_topic(
        &mut self,
        name: &str,
        partitions: u32,
    ) -> Result<(), TransportError> {
        if self.topics.contains_key(name) {
            return Ok(());
        }
        if name.is_empty() || partitions == 0 {
            return Err(TransportError::new(
                TransportErrorKind::Configuration,
                format!("topic {name:?} with {partitions} partitions can't be created"),
            ));
        }
        self.last_incarnation += 1;
        let topic = Topic::new(self.last_incarnation, partitions);
        self.topics.insert(name.to_owned(), topic);
        self.rebalance(name);
        self.wake_all();
        Ok(())
    }

    pub(super) fn delete_topic(&mut self, name: &str) -> Result<(), TransportError> {
        let topic = self.topics.remove(name);
        topic.ok_or_else(|| unknown_topic(name, None))?.wake();
        for group in self.groups.iter_mut().filter(|group| group.topic == name) {
            group.topic_deleted();
        }
        Ok(())
    }

    pub(super) fn add_partitions(&mut self, name: &str, total: u32) -> Result<(), TransportError> {
        let topic = self.topics.get_mut(name);
        let topic = topic.ok_or_else(|| unknown_topic(name, None))?;
        while topic.count() < total {
            topic.partitions.push(Partition::default());
        }
        self.rebalance(name);
        self.wake_all();
        Ok(())
    }

    fn rebalance(&mut self, topic: &str) {
        for group in self.groups.iter_mut().filter(|group| group.topic == topic) {
            group.rebalance(self.topics.get_mut(topic));
        }
    }

    pub(super) fn partitions(&self, topic: &str) -> Result<u32, TransportError> {
        let found = self.topics.get(topic).map(Topic::count);
        found.ok_or_else(|| unknown_topic(topic, None))
    }

    /// The topic, if the node can read this partition of it now.
    pub(super) fn readable(
        &mut self,
        node: &Node,
        topic: &str,
        partition: u32,
    ) -> Result<&mut Topic, TransportError> {
        self.check(node, topic, Access::Read)?;
        let found = self.topics.get_mut(topic);
        let found = found.ok_or_else(|| unknown_topic(topic, None))?;
        if partition >= found.count() {
            return Err(unknown_topic(topic, Some(partition)));
        }
        Ok(found)
    }

    pub(super) fn append(
        &mut self,
        topic: &str,
        partition: u32,
        parts: Parts<'_>,
    ) -> Result<i64, TransportError> {
        let limit = self.max_log_bytes;
        let found = self.topics.get_mut(topic);
        let found = found.ok_or_else(|| unknown_topic(topic, None))?;
        found
            .append(partition, parts, limit)
            .ok_or_else(|| unknown_topic(topic, Some(partition)))
    }
}
