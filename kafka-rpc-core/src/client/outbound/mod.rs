//! From a configured call to a command in the producer's hands.
//!
//! All of it runs on the thread that polls the call, and locks nothing of its own but for `batcher`.

pub(super) mod batcher;
pub(super) mod draft;
mod encode;
mod probe;
pub(super) mod sent;
pub(super) mod submit;
