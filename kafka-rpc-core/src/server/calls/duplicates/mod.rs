//! Calls that ended, so that a command that comes twice is run once.

pub(in crate::server) mod memory;
