//! Reads: as a member of a group, or as a listener without one.

pub(super) mod burst;
pub(super) mod commit;
pub(super) mod group;
pub(super) mod leave;
pub(super) mod listener;
pub(super) mod offsets;
pub(super) mod reader_task;
pub(super) mod rebalance;
pub(super) mod watchdog;
