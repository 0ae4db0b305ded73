//! From a record of the results topic to what the method returned.
//!
//! `replies` runs on the listener's thread or task, `decode` on the thread that polls the call; neither has
//! a lock.

pub(super) mod decode;
pub(super) mod replies;
