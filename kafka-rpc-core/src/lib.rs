//! The run time of kafka-rpc; users depend on the `kafka-rpc` crate, which re-exports what they need.
//!
//! Pure parts first, shells after: [`wire`] is functions on bytes, `client` holds a call until it
//! ends, `server` takes a command to its reply, and `transport` is the one narrow trait over Kafka
//! that both stand on.
//!
//! # Errors
//!
//! Whatever fails in the framework is an [`RpcError`], with a [`Code`] and an [`Outcome`]. The front
//! page of `kafka-rpc` says what to do about each.

// A model is built from a part of the crate.
#![cfg_attr(kafka_rpc_loom, allow(dead_code, unused_imports))]

mod call;
mod client;
mod error;
pub mod macro_support;
mod middleware;
mod server;
mod service;
pub mod testing;
pub mod transport;
mod util;
pub mod wire;

pub use bytes::Bytes;
pub use call::{Context, Dispatch, Service};
pub use client::{
    Binding, Call, Client, ClientBuilder, ClientHealth, ClientStats, MetadataCall, Reply,
    ServiceClient, ServiceServer, StageTotals, Times,
};
pub use error::{CallError, Code, HealthCause, HealthReason, Outcome, RpcError};
pub use server::{
    Ordering, PartitionHealth, Server, ServerBuilder, ServerHandle, ServerHealth, ServerStats,
    StopReason,
};
pub use service::{Descriptor, Method, TopicSettings};
pub use util::operation::Operation;
pub use wire::CallId;
