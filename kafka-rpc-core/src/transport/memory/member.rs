//! A group member as the broker knows it, with the mailbox that its task empties.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::transport::memory::node::Node;
use crate::transport::memory::runtime::Task;
use crate::transport::{Assigned, TransportError, TransportErrorKind};

/// What a member is told.
pub(super) enum Event {
    Assigned(Vec<Assigned>),
    /// With the number of the revocation.
    Revoked(u64, Vec<u32>),
    Lost(Vec<u32>),
    Trouble(TransportError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Joined,
    /// It gives back what it has, and then it is gone.
    Leaving,
    /// Its process crashed, or it left as a static member: its partitions are kept for it until
    /// its session ends.
    Absent,
    /// Its session ended while it couldn't be reached; it joins again when it can.
    Expelled,
}

pub(super) struct Member {
    pub(super) node: Arc<Node>,
    pub(super) wake: Arc<Notify>,
    pub(super) phase: Phase,
    pub(super) instance: Option<String>,
    /// Another member took its instance name. It goes on without.
    pub(super) fenced: bool,
    patience: Duration,
    mailbox: VecDeque<Event>,
    /// What the sink was told that it owns.
    told: BTreeSet<u32>,
    /// Revocations without a release yet; with a time once the sink was told.
    pub(super) revocations: BTreeMap<u64, Option<Instant>>,
    /// The next offset to read of each partition that is read.
    pub(super) positions: BTreeMap<u32, i64>,
    /// The partition to look at first, so that each gets its turn.
    pub(super) turn: u32,
    pub(super) paused: bool,
    pub(super) troubled: Option<TransportErrorKind>,
    /// Commits that couldn't reach the broker yet.
    pub(super) commits: BTreeMap<u32, i64>,
    /// Ends the session, if the member can't be reached.
    pub(super) session: Option<Task>,
}

impl Member {
    pub(super) fn new(
        node: &Arc<Node>,
        wake: &Arc<Notify>,
        instance: Option<String>,
        patience: Duration,
    ) -> Self {
        Self {
            node: Arc::clone(node),
            wake: Arc::clone(wake),
            phase: Phase::Joined,
            instance,
            fenced: false,
            patience,
            mailbox: VecDeque::new(),
            told: BTreeSet::new(),
            revocations: BTreeMap::new(),
            positions: BTreeMap::new(),
            turn: 0,
            paused: false,
            troubled: None,
            commits: BTreeMap::new(),
            session: None,
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.mailbox.push_back(event);
        self.wake.notify_one();
    }

    /// Takes away everything at once; only what the sink knows of has to be told.
    pub(super) fn lose_all(&mut self) {
        self.mailbox.clear();
        self.revocations.clear();
        self.positions.clear();
        self.commits.clear();
        if !self.told.is_empty() {
            let told = self.told.iter().copied().collect();
            self.tell(Event::Lost(told));
        }
    }

    /// The next thing to tell the sink.
    pub(super) fn next_event(&mut self, now: impl FnOnce() -> Instant) -> Option<Event> {
        // A member that is cut off notices by itself that its session has ended, and no more.
        if self.node.cut() && !matches!(self.mailbox.front(), Some(Event::Lost(_))) {
            return None;
        }
        let event = self.mailbox.pop_front()?;
        match &event {
            Event::Assigned(partitions) => {
                self.told.extend(partitions.iter().map(|new| new.partition));
            }
            Event::Revoked(number, partitions) => {
                if let Some(until) = self.revocations.get_mut(number) {
                    *until = Some(now() + self.patience);
                }
                self.told.retain(|old| !partitions.contains(old));
            }
            Event::Lost(partitions) => self.told.retain(|old| !partitions.contains(old)),
            Event::Trouble(_) => {}
        }
        Some(event)
    }

    /// Lets a revocation go at this time.
    pub(super) fn release_by(&mut self, number: u64, at: Instant) {
        if let Some(until) = self.revocations.get_mut(&number) {
            *until = Some(at);
        }
    }

    /// The revocation whose patience ends first, and when that is; none while the broker couldn't
    /// be told.
    pub(super) fn next_overdue(&self) -> Option<(u64, Instant)> {
        if !self.node.connected() {
            return None;
        }
        let told = self.revocations.iter();
        told.filter_map(|(number, until)| Some((*number, (*until)?)))
            .min_by_key(|(_, until)| *until)
    }
}
