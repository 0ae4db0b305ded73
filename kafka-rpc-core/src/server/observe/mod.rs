//! What an operator can see of a server.

pub(super) mod events;
pub(super) mod stats;
