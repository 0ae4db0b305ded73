//! All groups, and the sessions of their members.

use std::sync::Arc;
use std::time::Duration;

use crate::transport::TransportError;
use crate::transport::memory::balance::MemberId;
use crate::transport::memory::fate::Access;
use crate::transport::memory::group::Group;
use crate::transport::memory::log::Topic;
use crate::transport::memory::member::{Member, Phase};
use crate::transport::memory::node::Node;
use crate::transport::memory::state::{Shared, State, refusal, unknown_topic, unreachable};

/// How long a member that isn't heard of keeps its partitions.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// Finds a member in the broker's state.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) group: usize,
    pub(super) member: MemberId,
}

impl Shared {
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
                shared.lock().end_session(place);
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
        let refusal = refusal(&self.denied, name, Access::Read);
        let topic = self
            .topics
            .get_mut(name)
            .ok_or_else(|| unknown_topic(name, None));
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

    fn end_session(&mut self, place: Place) {
        // The member may have been heard of while the timer waited for the lock.
        let watched = |member: &mut Member| member.session.is_some();
        if self.member(place).is_some_and(watched) {
            self.expel(place);
        }
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
