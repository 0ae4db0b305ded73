//! Everything that the broker knows, under one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::balance::MemberId;
use super::faults::{Access, Fate};
use super::group::{Group, Member, Phase};
use super::log::{MemoryRecord, Partition, Topic, headers_size};
use super::member::Place;
use super::node::{Link, Node, Waiting};
use super::producer::Reports;
use super::runtime::Executor;
use crate::sync::lock;
use crate::transport::{Delivery, Record, TransportError, TransportErrorKind};

/// How long a member that isn't heard of keeps its partitions.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// How many records of one node wait while it isn't connected; librdkafka's default.
const QUEUE_LIMIT: usize = 100_000;

/// What librdkafka adds at most to a record's key, value and headers when it checks the size.
const RECORD_OVERHEAD: usize = 36;

pub(super) fn unknown_topic(topic: &str, partition: Option<u32>) -> TransportError {
    let message = match partition {
        None => format!("topic {topic} does not exist"),
        Some(partition) => format!("topic {topic} has no partition {partition}"),
    };
    TransportError::new(TransportErrorKind::UnknownTopic, message)
}

fn denied(topic: &str, access: Access) -> TransportError {
    TransportError::new(
        TransportErrorKind::PermissionDenied,
        format!("{access:?} access to topic {topic} is denied"),
    )
}

fn unreachable(node: &Node) -> TransportError {
    TransportError::new(
        TransportErrorKind::Unavailable,
        format!("{} can't reach the in-memory broker", node.name),
    )
}

fn injected(kind: TransportErrorKind, topic: &str) -> TransportError {
    TransportError::new(kind, format!("a fault of topic {topic} ({kind:?})"))
}

/// What all handles of one broker share.
pub(super) struct Shared {
    pub(super) executor: Arc<Executor>,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(executor: Arc<Executor>) -> Self {
        Self {
            executor,
            state: Mutex::new(State::new()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
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

    /// Expels this member when its session ends, unless it is heard of before.
    pub(super) fn watch_session(self: &Arc<Self>, state: &mut State, place: Place) {
        let Some(member) = state.member(place) else {
            return;
        };
        if member.session.is_some() || member.phase == Phase::Expelled {
            return;
        }
        let shared = Arc::downgrade(self);
        let session = self.executor.sleep(SESSION_TIMEOUT);
        let task = self.executor.spawn(async move {
            session.await;
            if let Some(shared) = shared.upgrade() {
                shared.lock().expel(place);
            }
        });
        member.session = Some(task.into());
    }

    pub(super) fn watch_sessions(self: &Arc<Self>, state: &mut State, node: &Node) {
        for place in state.places_of(node) {
            self.watch_session(state, place);
        }
    }
}

pub(super) struct State {
    pub(super) topics: BTreeMap<String, Topic>,
    groups: Vec<Group>,
    /// By [`Node::id`].
    links: Vec<Link>,
    denied: BTreeMap<String, BTreeSet<Access>>,
    last_incarnation: u64,
    last_member: MemberId,
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

    fn check_access(&self, topic: &str, access: Access) -> Result<(), TransportError> {
        match self.denied.get(topic) {
            Some(all) if all.contains(&access) => Err(denied(topic, access)),
            _ => Ok(()),
        }
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
            let settled = self.settle(&waiting.topic, waiting.partition, waiting.record, None);
            waiting
                .ticket
                .report(settled.unwrap_or_else(Delivery::NotPersisted));
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
        record: MemoryRecord,
    ) -> Result<i64, TransportError> {
        let limit = self.max_log_bytes;
        let found = self.topics.get_mut(topic);
        let found = found.ok_or_else(|| unknown_topic(topic, None))?;
        found
            .append(partition, record, limit)
            .ok_or_else(|| unknown_topic(topic, Some(partition)))
    }
}

/// Producing.
impl State {
    pub(super) fn produce(
        &mut self,
        node: &Node,
        reports: &Arc<Reports>,
        record: Record<'_>,
        token: u64,
    ) -> Result<(), TransportError> {
        let Record {
            topic, partition, ..
        } = record;
        if node.crashed() {
            let message = format!("{} has crashed", node.name);
            return Err(TransportError::new(TransportErrorKind::Closed, message));
        }
        self.check_size(&record)?;
        if partition >= self.partitions(topic)? {
            return Err(unknown_topic(topic, Some(partition)));
        }
        let stored = MemoryRecord {
            key: record.key.map(<[u8]>::to_vec),
            value: Some(record.value.to_vec()),
            headers: record.headers.to_vec(),
            timestamp_ms: record.timestamp_ms,
        };
        let mut fate = None;
        if !node.connected() {
            let link = self.link(node);
            fate = link.while_cut.filter(|_| !node.frozen());
            if fate.is_none() {
                if link.waiting.len() >= QUEUE_LIMIT {
                    return Err(TransportError::new(
                        TransportErrorKind::QueueFull,
                        format!("{} has {QUEUE_LIMIT} records waiting to be sent", node.name),
                    ));
                }
                link.waiting.push_back(Waiting {
                    ticket: reports.ticket(token),
                    topic: topic.to_owned(),
                    partition,
                    record: stored,
                });
                return Ok(());
            }
        }
        let delivery = self.settle(topic, partition, stored, fate)?;
        reports.push(token, delivery);
        Ok(())
    }

    fn check_size(&self, record: &Record<'_>) -> Result<(), TransportError> {
        let size = record.key.map_or(0, <[u8]>::len)
            + record.value.len()
            + headers_size(record.headers)
            + RECORD_OVERHEAD;
        let limit = self.max_record_bytes;
        if size <= limit {
            return Ok(());
        }
        Err(TransportError::new(
            TransportErrorKind::TooLarge,
            format!("a record of {size} bytes is above the limit of {limit} bytes"),
        ))
    }

    /// Decides what becomes of a record, and appends it if it is to be stored.
    fn settle(
        &mut self,
        topic: &str,
        partition: u32,
        record: MemoryRecord,
        fate: Option<Fate>,
    ) -> Result<Delivery, TransportError> {
        if let Err(error) = self.check_access(topic, Access::Write) {
            return Ok(Delivery::NotPersisted(error));
        }
        let fate = fate.or_else(|| self.topics.get_mut(topic)?.fates.pop_front());
        let unacknowledged = || {
            let message = format!("the acknowledgement of a record in topic {topic} was lost");
            Delivery::Unknown(TransportError::new(
                TransportErrorKind::Unavailable,
                message,
            ))
        };
        match fate {
            Some(Fate::Refused(kind)) => return Err(injected(kind, topic)),
            Some(Fate::NotPersisted(kind)) => {
                return Ok(Delivery::NotPersisted(injected(kind, topic)));
            }
            Some(Fate::Lost) => return Ok(unacknowledged()),
            Some(Fate::Unacknowledged) | None => {}
        }
        Ok(match self.append(topic, partition, record) {
            Err(error) => Delivery::NotPersisted(error),
            Ok(_) if fate.is_some() => unacknowledged(),
            Ok(_) => Delivery::Persisted,
        })
    }

    /// Takes back what waits for a producer that is closed.
    pub(super) fn abandon(&mut self, node: &Node, reports: &Arc<Reports>) -> Vec<Waiting> {
        let waiting = &mut self.link(node).waiting;
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(waiting)
            .into_iter()
            .partition(|waiting| waiting.ticket.belongs_to(reports));
        *waiting = others.into();
        own
    }
}

/// Groups.
impl State {
    pub(super) fn group(&mut self, index: usize) -> (&mut Group, Option<&mut Topic>) {
        let group = &mut self.groups[index];
        let topic = self.topics.get_mut(&group.topic);
        (group, topic)
    }

    pub(super) fn member(&mut self, place: Place) -> Option<&mut Member> {
        self.groups[place.group].member(place.member)
    }

    /// A member, and its topic if it can be read now.
    pub(super) fn member_and_topic(
        &mut self,
        place: Place,
    ) -> Option<(&mut Member, Result<&mut Topic, TransportError>)> {
        let group = self.groups.get_mut(place.group)?;
        let name = group.topic.as_str();
        let denied_here = matches!(self.denied.get(name), Some(all) if all.contains(&Access::Read));
        let topic = self
            .topics
            .get_mut(name)
            .ok_or_else(|| unknown_topic(name, None));
        let refusal = denied_here.then(|| denied(name, Access::Read));
        let member = group.member(place.member)?;
        let topic = match refusal {
            _ if !member.node.connected() => Err(unreachable(&member.node)),
            Some(error) => Err(error),
            None => topic,
        };
        Some((member, topic))
    }

    pub(super) fn join(
        &mut self,
        group: &str,
        topic: &str,
        member: Member,
    ) -> Result<Place, TransportError> {
        self.check(&member.node, topic, Access::Group)?;
        self.check(&member.node, topic, Access::Read)?;
        let Some(found) = self.topics.get_mut(topic) else {
            return Err(unknown_topic(topic, None));
        };
        let same = |old: &Group| old.name == group && old.topic == topic;
        let index = self.groups.iter().position(same).unwrap_or_else(|| {
            self.groups.push(Group::new(group, topic));
            self.groups.len() - 1
        });
        self.last_member += 1;
        self.groups[index].join(self.last_member, member, found);
        Ok(Place {
            group: index,
            member: self.last_member,
        })
    }

    pub(super) fn leave(&mut self, place: Place) {
        let (group, topic) = self.group(place.group);
        group.leave(place.member, topic);
    }

    pub(super) fn expel(&mut self, place: Place) {
        let (group, topic) = self.group(place.group);
        group.expel(place.member, topic);
    }

    pub(super) fn committed(&self, group: &str, topic: &str, partition: u32) -> Option<i64> {
        let same = |old: &&Group| old.name == group && old.topic == topic;
        self.groups.iter().find(same)?.committed(partition)
    }

    pub(super) fn places_of(&self, node: &Node) -> Vec<Place> {
        let groups = self.groups.iter().enumerate();
        groups
            .flat_map(|(group, found)| {
                let members = found.members_of(node).into_iter();
                members.map(move |member| Place { group, member })
            })
            .collect()
    }
}
