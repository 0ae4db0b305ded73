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

mod client;
pub mod codegen;
mod error;
mod operation;
mod park;
mod runtime;
mod server;
mod service;
mod sync;
pub mod testing;
mod throttle;
mod topics;
pub mod transport;
pub mod wire;

pub use bytes::Bytes;
pub use client::{
    Binding, Call, Client, ClientBuilder, ClientStats, MetadataCall, Reply, StageTotals, Times,
};
pub use error::{CallError, Code, Outcome, RpcError};
pub use operation::Operation;
pub use server::{Context, Ordering, Server, ServerBuilder, ServerStats};
pub use service::{Descriptor, Dispatch, Method, Service, ServiceClient, ServiceServer};
pub use topics::TopicSettings;
pub use wire::CallId;
