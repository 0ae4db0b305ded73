//! One process as the broker sees it, and what tests can do to it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::transport::memory::faults::Fate;
use crate::transport::memory::log::Wakers;
use crate::transport::memory::producer::Ticket;
use crate::transport::memory::record::MemoryRecord;
use crate::transport::memory::state::Shared;
use crate::transport::memory::transport::MemoryTransport;
use crate::transport::{Cluster, Transport, TransportError, sealed};

/// What everything that belongs to one process looks at. Written under the broker's lock.
pub(super) struct Node {
    pub(super) id: usize,
    pub(super) name: String,
    wall_offset_ms: AtomicI64,
    frozen: AtomicBool,
    cut: AtomicBool,
    crashed: AtomicBool,
    commits_held: AtomicBool,
}

impl Node {
    pub(super) fn new(id: usize, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            wall_offset_ms: AtomicI64::new(0),
            frozen: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            crashed: AtomicBool::new(false),
            commits_held: AtomicBool::new(false),
        }
    }

    pub(super) fn wall_offset_ms(&self) -> i64 {
        self.wall_offset_ms.load(Ordering::Relaxed)
    }

    pub(super) fn frozen(&self) -> bool {
        self.frozen.load(Ordering::Acquire)
    }

    pub(super) fn cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    pub(super) fn crashed(&self) -> bool {
        self.crashed.load(Ordering::Acquire)
    }

    /// Whether the broker hears from it.
    pub(super) fn connected(&self) -> bool {
        !self.frozen() && !self.cut() && !self.crashed()
    }

    pub(super) fn commits(&self) -> bool {
        self.connected() && !self.commits_held.load(Ordering::Acquire)
    }
}

/// The broker's side of a node.
#[derive(Default)]
pub(super) struct Link {
    /// What becomes of records while it is cut off; `None` makes them wait.
    pub(super) while_cut: Option<Fate>,
    /// Records that wait for the node to be connected again.
    pub(super) waiting: VecDeque<Waiting>,
    /// All of its tasks.
    pub(super) tasks: Wakers,
}

/// A record that waits for its node.
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) record: MemoryRecord,
}

/// One process connected to a [`MemoryBroker`](crate::transport::memory::MemoryBroker): clients and servers that are
/// made on it share its clock and its faults.
///
/// Faults reach what the process does with the broker and its timers. Code that runs in it, such as
/// a handler, goes on; what it sends while the process is frozen waits, and after a crash it is
/// refused.
#[derive(Clone)]
pub struct MemoryNode {
    pub(super) shared: Arc<Shared>,
    pub(super) node: Arc<Node>,
}

impl MemoryNode {
    /// Sets how far this process's wall clock is ahead of the broker's, in milliseconds.
    pub fn set_wall_offset_ms(&self, offset: i64) {
        self.node.wall_offset_ms.store(offset, Ordering::Relaxed);
    }

    /// Stops the process, as SIGSTOP does: no record, report or timer reaches it, and what it
    /// produces or commits waits. After the session timeout of 6 s its group members are expelled.
    pub fn freeze(&self) {
        let mut state = self.shared.lock();
        self.node.frozen.store(true, Ordering::Release);
        self.shared.watch_sessions(&mut state, &self.node);
    }

    /// Ends [`freeze`](Self::freeze). Members that were expelled learn it and join again.
    pub fn thaw(&self) {
        let mut state = self.shared.lock();
        self.node.frozen.store(false, Ordering::Release);
        state.reconnect(&self.node);
    }

    /// Cuts the process off from the broker. What it produces gets this fate; with `None` it waits
    /// until [`heal`](Self::heal). After the session timeout of 6 s its group members are expelled,
    /// and notice it.
    pub fn cut_off(&self, fate: Option<Fate>) {
        let mut state = self.shared.lock();
        self.node.cut.store(true, Ordering::Release);
        let link = state.link(&self.node);
        link.while_cut = fate;
        link.tasks.wake();
        self.shared.watch_sessions(&mut state, &self.node);
    }

    /// Ends [`cut_off`](Self::cut_off).
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        self.node.cut.store(false, Ordering::Release);
        state.reconnect(&self.node);
    }

    /// Kills the process, for good: its tasks end without a word to anybody, nothing more is
    /// committed, and its group members hold their partitions until the session timeout of 6 s.
    pub fn crash(&self) {
        let mut state = self.shared.lock();
        self.node.crashed.store(true, Ordering::Release);
        state.crash(&self.node);
        self.shared.watch_sessions(&mut state, &self.node);
    }

    /// Keeps commits back, so that a crash loses them.
    pub fn hold_commits(&self) {
        let _state = self.shared.lock();
        self.node.commits_held.store(true, Ordering::Release);
    }

    /// Ends [`hold_commits`](Self::hold_commits).
    pub fn release_commits(&self) {
        let mut state = self.shared.lock();
        self.node.commits_held.store(false, Ordering::Release);
        state.commit_held(&self.node);
    }
}

impl Cluster for MemoryNode {}

impl sealed::Open for MemoryNode {
    fn open(&self) -> Result<Arc<dyn Transport>, TransportError> {
        Ok(Arc::new(MemoryTransport::new(self)))
    }
}

impl fmt::Debug for MemoryNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNode")
            .field("name", &self.node.name)
            .finish_non_exhaustive()
    }
}
