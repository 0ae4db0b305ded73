//! Reads: as a member of a group, or as a listener without one.
//!
//! # Threads and locks
//!
//! A member's consumer is in a `Poller`, locked by whichever of its two threads holds the lease
//! of `watchdog`; `rebalance` runs on that thread, within a poll, and `assign` between two. What is
//! owned and noted for commit is in `partitions` of `member`, a leaf. A listener's consumer is in the `SharedReader` of
//! `reader_task`, locked by the task while it is relied on, and else by the listener's thread; that
//! thread alone takes it out, at its end. Sinks are called with the consumer locked. From a queue's
//! callback only three are locked, one after the other: the wait of a member's thread, the task that
//! reads replies, and the thread that watches it.

mod acceptance;
mod assign;
mod burst;
mod commit;
pub(super) mod group;
mod identity;
mod known;
mod leave;
pub(super) mod listener;
mod member;
mod partitions;
mod poller;
mod pulse;
pub(super) mod reader_task;
mod rebalance;
mod recovery;
mod slot;
pub(super) mod watchdog;
