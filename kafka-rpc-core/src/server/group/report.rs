//! What the new owners of partitions are told of the calls that go on here.

use std::sync::atomic::AtomicU64;

use crate::server::complete::outbox::Backlog;

/// What the new owner of a partition is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) partition: u32,
    /// The offsets of calls that are settled.
    pub(crate) settled: Vec<i64>,
    /// The offsets of calls that still run.
    pub(crate) running: Vec<i64>,
}

/// What numbers a member's reports, and counts those on their way.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    pub(super) number: AtomicU64,
    pub(super) backlog: Backlog,
}
