//! What every client of librdkafka has: a thread, errors, events, a clock.

pub(super) mod blocking;
pub(super) mod clock;
pub(super) mod errors;
pub(super) mod events;
pub(super) mod keeper;
pub(super) mod latch;
