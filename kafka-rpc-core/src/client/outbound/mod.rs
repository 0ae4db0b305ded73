//! From a configured call to a command in the producer's hands.

pub(super) mod batcher;
mod encode;
pub(super) mod request;
pub(super) mod submit;
