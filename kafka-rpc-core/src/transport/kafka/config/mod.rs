//! How librdkafka's clients are set up.
//!
//! Settings don't change once a transport is opened: every thread reads them, and nothing is locked.

mod brokers;
pub(super) mod clients;
pub(super) mod defaults;
pub(super) mod effective;
mod embedded;
pub(super) mod group_protocol;
pub(super) mod profile;
pub(super) mod settings;
