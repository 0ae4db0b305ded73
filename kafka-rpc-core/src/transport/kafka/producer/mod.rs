//! Appends records, and hears what became of them.

pub(super) mod delivery;
pub(super) mod handle;
pub(super) mod inflight;
pub(super) mod wakeup;
