//! The broker's side of a process: what waits for it, and what becomes of it.

use std::collections::VecDeque;

use super::fate::Fate;
use super::log::Wakers;
use super::record::MemoryRecord;
use super::reports::Ticket;

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
