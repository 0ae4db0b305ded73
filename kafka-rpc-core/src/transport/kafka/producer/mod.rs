//! Appends records, and hears what became of them.

pub(super) mod delivery;
pub(super) mod handle;
pub(super) mod inflight;
pub(super) mod opaque;
pub(super) mod send;
pub(super) mod wakeup;
