//! Typed RPC over Apache Kafka: annotate a trait, and its methods become calls.
//!
//! ```
//! use kafka_rpc::{Client, Kafka, Server, TopicSettings};
//!
//! /// Arithmetic over Kafka.
//! #[kafka_rpc::service]
//! pub trait Calculator {
//!     /// Adds two numbers.
//!     async fn add(&self, a: i64, b: i64) -> i64;
//! }
//!
//! struct Desk;
//!
//! impl Calculator for Desk {
//!     async fn add(&self, a: i64, b: i64) -> i64 {
//!         a + b
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), kafka_rpc::RpcError> {
//! // `Kafka::new("host:9092")` for a cluster of your own; this one lives in the process.
//! let kafka = Kafka::embedded()?;
//! let server = Server::builder(&kafka)
//!     .create_topics(TopicSettings::default())
//!     .service(CalculatorServer::new(Desk))
//!     .start()
//!     .await?;
//!
//! let client = Client::connect(&kafka).await?;
//! let calc: CalculatorClient = client.attach().await?;
//! assert_eq!(calc.add(1, 2).await?, 3);
//!
//! server.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`macro@service`] is the page to learn the attribute from.
//! - [`Call`] is what a method of a client returns: a future to configure, await, wait for or drop.
//! - [`RpcError`] says why there is no answer, and its [`Outcome`] whether the method ran.
//! - [`Server`] and [`Client`] are made by builders, on a [`Kafka`] cluster or on a
//!   [`testing::MemoryBroker`].
//! - [`Context`] is what a handler can know of its call.
//! - [`testing`] runs services without any broker.
//!
//! Everything that is awaited has a blocking twin, [`Operation::wait`] and [`Call::wait`], and
//! needs no async runtime.

pub use kafka_rpc_core::transport::Cluster;
pub use kafka_rpc_core::transport::kafka::Kafka;
pub use kafka_rpc_core::{
    Call, CallError, CallId, Client, ClientBuilder, ClientStats, Code, Context, Descriptor,
    Dispatch, MetadataCall, Method, Operation, Ordering, Outcome, Reply, RpcError, Server,
    ServerBuilder, ServerStats, Service, ServiceClient, ServiceServer, Times, TopicSettings,
    testing,
};
pub use kafka_rpc_macros::service;

/// What generated code names; no public API. The module within is named after the release, so
/// that a macro of another one fails to compile at once instead of meaning something else.
#[doc(hidden)]
pub mod __private {
    pub mod v0_1_0 {
        pub use std::boxed::Box;
        pub use std::sync::Arc;

        pub use kafka_rpc_core::codegen::{
            Answer, Arguments, Failure, ResultType, RoutingKey, WireType, arguments,
        };
        pub use kafka_rpc_core::{
            Binding, Bytes, Call, CallError, Descriptor, Dispatch, Method, RpcError, Service,
            ServiceClient, ServiceServer,
        };
    }
}
