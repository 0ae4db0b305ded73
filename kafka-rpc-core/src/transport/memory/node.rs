//! One process as everything that belongs to it sees it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What everything that belongs to one process looks at. Written under the broker's lock.
pub(super) struct Node {
    pub(super) id: usize,
    pub(super) name: String,
    pub(super) wall_offset_ms: AtomicI64,
    pub(super) frozen: AtomicBool,
    pub(super) cut: AtomicBool,
    pub(super) crashed: AtomicBool,
    pub(super) commits_held: AtomicBool,
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
