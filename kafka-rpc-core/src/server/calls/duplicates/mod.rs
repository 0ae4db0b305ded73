//! The calls that ended, so that a command that comes twice runs once.

pub(crate) mod memory;

use std::time::Instant;

use super::CallKey;

/// The reply of a call that ended; `None` if it had none.
pub(crate) type Remembered = Option<Vec<u8>>;

/// Remembers calls that ended, within a bounded deduplication window that all partitions of the
/// member share.
///
/// It is asked while the member's state is locked, so it must not block.
pub(crate) trait Duplicates: Send {
    /// What is remembered of a call.
    fn known(&self, key: &CallKey, now: Instant) -> Option<Remembered>;

    /// A call has ended, with this reply if it has one.
    fn remember(&mut self, key: CallKey, reply: Option<&[u8]>, now: Instant);

    /// Forgets the calls of a partition, since it is no longer owned, or owned anew.
    fn forget(&mut self, partition: u32);
}
