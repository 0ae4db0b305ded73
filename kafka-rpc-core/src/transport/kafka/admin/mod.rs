//! Looks at topics and makes them.
//!
//! Each lookup has a client and a thread of its own (`kafka-rpc-metadata`, `kafka-rpc-admin`), which
//! answers first and destroys the client then. Nothing here is shared, and nothing is locked.

pub(super) mod facts;
pub(super) mod settle;
pub(super) mod topics;
