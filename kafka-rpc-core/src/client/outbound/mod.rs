//! From a configured call to a command in the producer's hands.

pub(super) mod batcher;
pub(super) mod submit;
