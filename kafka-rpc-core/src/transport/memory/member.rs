//! A group member as the broker knows it, with the mailbox that its task empties.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use crate::transport::memory::node::Node;
use crate::transport::memory::runtime::Task;
use crate::transport::{Assigned, Progress, TransportError, TransportErrorKind};

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
    mailbox: VecDeque<Event>,
    /// What the sink was told that it owns.
    told: BTreeSet<u32>,
    /// Revocations that the sink hasn't answered yet.
    pub(super) revocations: BTreeSet<u64>,
    /// The next offset to read of each partition that is read.
    pub(super) positions: BTreeMap<u32, i64>,
    /// The partition to look at first, so that each gets its turn.
    pub(super) turn: u32,
    pub(super) paused: bool,
    pub(super) troubled: Option<TransportErrorKind>,
    /// Commits that couldn't reach the broker yet.
    pub(super) commits: BTreeMap<u32, Progress>,
    /// When the sink was last asked what is to be committed.
    pub(super) asked: Option<Instant>,
    /// Ends the session, if the member can't be reached.
    pub(super) session: Option<Task>,
}

impl Member {
    pub(super) fn new(node: &Arc<Node>, wake: &Arc<Notify>, instance: Option<String>) -> Self {
        Self {
            node: Arc::clone(node),
            wake: Arc::clone(wake),
            phase: Phase::Joined,
            instance,
            fenced: false,
            mailbox: VecDeque::new(),
            told: BTreeSet::new(),
            revocations: BTreeSet::new(),
            positions: BTreeMap::new(),
            turn: 0,
            paused: false,
            troubled: None,
            commits: BTreeMap::new(),
            asked: None,
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
    pub(super) fn next_event(&mut self) -> Option<Event> {
        // A member that is cut off notices by itself that its session has ended, and no more.
        if self.node.cut() && !matches!(self.mailbox.front(), Some(Event::Lost(_))) {
            return None;
        }
        let event = self.mailbox.pop_front()?;
        match &event {
            Event::Assigned(partitions) => {
                self.told.extend(partitions.iter().map(|new| new.partition));
            }
            Event::Revoked(_, partitions) | Event::Lost(partitions) => {
                self.told.retain(|old| !partitions.contains(old));
            }
            Event::Trouble(_) => {}
        }
        Some(event)
    }
}
