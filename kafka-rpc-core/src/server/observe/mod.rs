//! What an operator can see of a server: counters and log lines.

pub(super) mod events;
pub(super) mod health;
pub(super) mod signs;
pub(super) mod stats;
