//! What every client of librdkafka has: a thread, errors, events, a clock.
//!
//! Nothing here owns a client but [`keeper`], which stays on the thread that made it. Each lock here is
//! a leaf: a client's last failure, a latch, an alarm's plan.

pub(super) mod blocking;
pub(super) mod clock;
pub(super) mod errors;
pub(super) mod events;
pub(super) mod keeper;
pub(super) mod latch;
pub(super) mod lines;
