//! What tests can do to one process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::fate::Fate;
use super::node::Node;
use super::state::Shared;
use super::transport::MemoryTransport;
use crate::transport::{Cluster, Transport, TransportError, sealed};

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
