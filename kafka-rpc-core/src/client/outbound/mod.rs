//! From a configured call to a command in the producer's hands.

pub(super) mod batcher;
pub(super) mod draft;
mod encode;
pub(super) mod sent;
pub(super) mod submit;
