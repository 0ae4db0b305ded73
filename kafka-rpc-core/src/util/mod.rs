//! Small tools without a subject of their own: locks, runtimes, blocked threads, operations.

pub(crate) mod join_all;
pub(crate) mod lock_order;
pub(crate) mod operation;
pub(crate) mod park;
pub(crate) mod runtime;
pub(crate) mod sync;
pub(crate) mod throttle;
