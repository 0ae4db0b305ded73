//! A consumer group: who is in it, who owns which partition, and what is committed.
//!
//! It is a state machine under the broker's lock. What a member has to be told goes into its
//! mailbox, which its own task empties in order.

use std::collections::BTreeMap;

use crate::transport::memory::balance::{Claim, MemberId, plan};
use crate::transport::memory::log::Topic;
use crate::transport::memory::member::{Event, Member, Phase};
use crate::transport::memory::node::Node;
use crate::transport::{Assigned, Committed, Progress, TransportError, TransportErrorKind};

/// The longest note that a broker takes by default, in characters.
const MAX_NOTE_CHARS: usize = 4_096;

#[derive(Default)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) topic: String,
    members: BTreeMap<MemberId, Member>,
    claims: BTreeMap<u32, Claim>,
    committed: BTreeMap<u32, Committed>,
    last_revocation: u64,
}

impl Group {
    pub(super) fn new(name: &str, topic: &str) -> Self {
        Self {
            name: name.to_owned(),
            topic: topic.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn member(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.get_mut(&id)
    }

    pub(super) fn members_of(&self, node: &Node) -> Vec<MemberId> {
        let of_node = self.members.iter().filter(|(_, m)| m.node.id == node.id);
        of_node.map(|(id, _)| *id).collect()
    }

    pub(super) fn committed(&self, partition: u32) -> Option<i64> {
        self.committed
            .get(&partition)
            .map(|committed| committed.next)
    }

    pub(super) fn join(&mut self, id: MemberId, member: Member, topic: &mut Topic) {
        let namesake = member.instance.as_ref().and_then(|name| {
            let mut members = self.members.iter();
            members.find_map(|(old, m)| (m.instance.as_ref() == Some(name)).then_some(*old))
        });
        self.members.insert(id, member);
        if let Some(old) = namesake {
            self.take_over(old, id, topic);
        }
        self.rebalance(Some(topic));
    }

    /// Gives what the static member `old` has to its new self, without a rebalance.
    fn take_over(&mut self, old: MemberId, new: MemberId, topic: &mut Topic) {
        let claims = self.claims.iter().filter(|(_, claim)| claim.member == old);
        let partitions: Vec<u32> = claims.map(|(partition, _)| *partition).collect();
        if let Some(member) = self.members.get_mut(&old) {
            for log in &mut topic.partitions {
                log.readers.remove(&member.wake);
            }
            member.lose_all();
            member.session = None;
            if member.phase == Phase::Absent {
                self.members.remove(&old);
            } else {
                member.fenced = true;
                member.instance = None;
                member.tell(Event::Trouble(TransportError::new(
                    TransportErrorKind::Closed,
                    format!(
                        "group {}: another member has this one's instance name; it goes on without",
                        self.name
                    ),
                )));
            }
        }
        self.assign(new, &partitions, topic);
    }

    /// Starts to leave: everything is revoked, and the member is gone once it is released.
    pub(super) fn leave(&mut self, id: MemberId, topic: Option<&mut Topic>) {
        if let Some(member) = self.members.get_mut(&id) {
            member.wake.notify_one();
            match member.phase {
                Phase::Joined => member.phase = Phase::Leaving,
                Phase::Leaving | Phase::Absent => {}
                Phase::Expelled => {
                    self.members.remove(&id);
                }
            }
        }
        self.rebalance(topic);
        self.end_if_done(id);
    }

    /// Ends a session: what the member had is free for others. It joins again when it can.
    pub(super) fn expel(&mut self, id: MemberId, topic: Option<&mut Topic>) {
        self.claims.retain(|_, claim| claim.member != id);
        if let Some(member) = self.members.get_mut(&id) {
            member.session = None;
            member.lose_all();
            member.wake.notify_one();
            if member.phase == Phase::Joined {
                member.phase = Phase::Expelled;
            } else {
                self.members.remove(&id);
            }
        }
        self.rebalance(topic);
    }

    /// The member's process has crashed. What it has stays its own until its session ends.
    pub(super) fn crash(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id) {
            member.positions.clear();
            member.commits.clear();
            match member.phase {
                Phase::Joined | Phase::Leaving | Phase::Absent => member.phase = Phase::Absent,
                Phase::Expelled => {
                    self.members.remove(&id);
                }
            }
        }
    }

    /// The member can be reached again.
    pub(super) fn reconnect(&mut self, id: MemberId, topic: Option<&mut Topic>) {
        self.commit_held(id);
        if let Some(member) = self.members.get_mut(&id) {
            member.session = None;
            if member.phase == Phase::Expelled {
                member.phase = Phase::Joined;
            }
        }
        self.rebalance(topic);
    }

    /// Lets the partitions of a revocation go. Returns whether this member is a static one that is now absent.
    pub(super) fn release(&mut self, id: MemberId, number: u64, topic: Option<&mut Topic>) -> bool {
        let Some(member) = self.members.get_mut(&id) else {
            return false;
        };
        if !member.revocations.remove(&number) {
            return false;
        }
        // A static member keeps what it has for its next self.
        let keeps = member.phase == Phase::Leaving && member.instance.is_some();
        if !keeps {
            let revoked = |claim: &Claim| claim.member == id && claim.revocation == Some(number);
            self.claims.retain(|_, claim| !revoked(claim));
            self.rebalance(topic);
        }
        self.end_if_done(id)
    }

    /// Whether a member that was leaving is now absent.
    fn end_if_done(&mut self, id: MemberId) -> bool {
        let Some(member) = self.members.get_mut(&id) else {
            return false;
        };
        if member.phase != Phase::Leaving || !member.revocations.is_empty() {
            return false;
        }
        member.wake.notify_one();
        let mut keeps = false;
        for claim in self.claims.values_mut().filter(|claim| claim.member == id) {
            claim.revocation = None;
            keeps = true;
        }
        if keeps {
            member.phase = Phase::Absent;
        } else {
            self.members.remove(&id);
        }
        keeps
    }

    /// Commits this, or keeps it until the member can. Says whether it is committed.
    pub(super) fn commit(&mut self, id: MemberId, progress: Progress) -> bool {
        let owner = self.claims.get(&progress.partition);
        let Some(member) = self.members.get_mut(&id) else {
            return false;
        };
        if owner.is_none_or(|claim| claim.member != id) || member.node.crashed() {
            return false;
        }
        if !member.node.commits() {
            member.commits.insert(progress.partition, progress);
            return false;
        }
        member.commits.remove(&progress.partition);
        let Progress {
            partition,
            next,
            note,
        } = progress;
        let note = note.filter(|note| note.len() <= MAX_NOTE_CHARS);
        self.committed.insert(partition, Committed { next, note });
        true
    }

    pub(super) fn commit_held(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id) {
            for progress in std::mem::take(&mut member.commits).into_values() {
                self.commit(id, progress);
            }
        }
    }

    /// The topic was deleted, and with it everything that was committed.
    pub(super) fn topic_deleted(&mut self) {
        self.claims.clear();
        self.committed.clear();
        let ids: Vec<MemberId> = self.members.keys().copied().collect();
        for id in ids {
            if let Some(member) = self.members.get_mut(&id) {
                member.lose_all();
                member.wake.notify_one();
            }
            self.end_if_done(id);
        }
    }

    /// Moves partitions until everybody has their share.
    pub(super) fn rebalance(&mut self, topic: Option<&mut Topic>) {
        let Some(topic) = topic else { return };
        let eligible: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(_, member)| matches!(member.phase, Phase::Joined | Phase::Absent))
            .map(|(id, _)| *id)
            .collect();
        let plan = plan(topic.count(), &eligible, &self.claims);
        for (id, partitions) in plan.revoke {
            self.revoke(id, partitions, topic);
        }
        for (id, partitions) in plan.assign {
            self.assign(id, &partitions, topic);
        }
    }

    fn revoke(&mut self, id: MemberId, partitions: Vec<u32>, topic: &mut Topic) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        self.last_revocation += 1;
        for partition in &partitions {
            if let Some(claim) = self.claims.get_mut(partition) {
                claim.revocation = Some(self.last_revocation);
            }
            member.positions.remove(partition);
            if let Some(log) = topic.partition_mut(*partition) {
                log.readers.remove(&member.wake);
            }
        }
        member.revocations.insert(self.last_revocation);
        member.tell(Event::Revoked(self.last_revocation, partitions));
    }

    fn assign(&mut self, id: MemberId, partitions: &[u32], topic: &mut Topic) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let mut assigned = Vec::with_capacity(partitions.len());
        for &partition in partitions {
            let claim = Claim {
                member: id,
                revocation: None,
            };
            self.claims.insert(partition, claim);
            let Some(log) = topic.partition_mut(partition) else {
                continue;
            };
            let committed = self.committed.get(&partition).cloned();
            let start = committed.as_ref().map_or(0, |committed| committed.next);
            member.positions.insert(partition, start.max(log.low()));
            log.readers.add(&member.wake);
            assigned.push(Assigned {
                partition,
                end: Some(log.end()),
                committed,
            });
        }
        if !assigned.is_empty() {
            member.tell(Event::Assigned(assigned));
        }
    }
}
