//! Deploys under load and under faults, with a checker for what happened.
//!
//! A [`scenario`] starts servers and clients as processes of their own on a real Kafka, makes calls,
//! and carries out a [`schedule`] of faults. Every process writes what it does to one [`history`];
//! the [`checker`] then judges that history, and the [`table`] shows the outcome.
//!
//! It uses kafka-rpc's public API alone, so the same driver measures any version of it.

mod brokers;
pub mod checker;
pub mod client;
pub mod event;
mod fleet;
pub mod history;
mod log;
pub mod run;
pub mod scenario;
pub mod schedule;
pub mod server;
mod stalls;
mod steps;
pub mod table;
pub mod workload;

/// The first argument of the driver's binary that makes it a server.
pub const SERVE: &str = "serve";
/// The first argument of the driver's binary that makes it a client.
pub const CALL: &str = "call";
/// What a process prints when it does its work.
pub(crate) const READY: &str = "ready";
