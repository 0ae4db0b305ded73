//! Is a command to be run?

pub(super) mod block_pool;
pub(super) mod clock_skew;
pub(super) mod intake;
pub(super) mod judge;
pub(super) mod pending_lookup;
pub(super) mod refuse;
