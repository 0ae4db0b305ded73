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
//!
//! # Errors
//!
//! A method that returns `T` is called with `Result<T, RpcError>`, one that returns `Result<T, E>` with
//! `Result<T, CallError<E>>`. An [`RpcError`] has a [`Code`] and an [`Outcome`]; its text says more.
//!
//! | Code | Outcome | What happened | What to do next |
//! |---|---|---|---|
//! | `InvalidArgument` | `NotRun`\* | arguments or settings can't be used, are too large, or can't be decoded | mend the call; compare the versions of client and server |
//! | `Unimplemented` | `NotRun`\* | the server has no such service, method or version | deploy the server first, or call what it has |
//! | `PermissionDenied`, `Unauthenticated` | `NotRun` | a broker refuses the access or the credentials | mend the brokers' access control or the settings of [`Kafka`] |
//! | `ResourceExhausted` | `NotRun`\* | too many calls are in flight, or the server is full | wait for [`RpcError::retry_after`], or for own calls; call again |
//! | `Unavailable` | `NotRun` | the command is certainly not in the log, or nothing could be set up | see that the brokers can be reached and the topics exist; call again |
//! | `DeadlineExceeded` | `Unknown`; `NotRun` if it was not sent, or came too late and was never started | no answer came in time | its text says whether the command is known to be in the log; call again only what may run twice |
//! | `Disconnected` | `Unknown` | the results topic lost records, or the client was closed | check the topic's retention; call again only what may run twice |
//! | `Internal` | `Ran` | the handler panicked, or its answer can't be encoded | read the server's log |
//! | `ReplyTooLarge` | `Ran` | the reply is larger than the limit | return less, or page through it |
//! | `BadReply` | `Ran`, or `Unknown` if not even its envelope can be read | the reply can't be decoded | compare the versions of client and server |
//!
//! \* `Unknown` instead, if the command was in the log before the server owned its partition, since
//! the former owner may have run it. `Cancelled` is for other clients and servers: who drops a call
//! awaits no error. `Internal` with another outcome is `NotRun` where the system has no random bytes
//! or [`Kafka::embedded`] can't be started, or a code of a newer server's that this version doesn't
//! know.
//!
//! Only `NotRun` says that calling again doesn't do the work twice. There is one exception, for Kafka
//! doesn't fence reading: a former owner of the partition that was stalled, and hasn't noticed that
//! it lost it, may run what the present owner refuses. A call that is made again is a new call to the
//! server. No failed call is made again by itself.

pub use kafka_rpc_core::transport::Cluster;
pub use kafka_rpc_core::transport::kafka::{
    EffectiveSettings, GroupProtocol, Kafka, Profile, Role,
};
pub use kafka_rpc_core::{
    Call, CallError, CallId, Client, ClientBuilder, ClientHealth, ClientStats, Code, Context,
    Descriptor, Dispatch, HealthCause, HealthReason, MetadataCall, Method, Operation, Ordering,
    Outcome, PartitionHealth, Reply, RpcError, Server, ServerBuilder, ServerHandle, ServerHealth,
    ServerStats, Service, ServiceClient, ServiceServer, StageTotals, StopReason, Times,
    TopicSettings, testing,
};
pub use kafka_rpc_macros::{rpc, service};

/// What generated code names; no public API. The module within is named after the release, so
/// that a macro of another one fails to compile at once instead of meaning something else.
#[doc(hidden)]
pub mod __private {
    pub mod v0_1_0 {
        pub use std::boxed::Box;
        pub use std::default::Default;
        pub use std::sync::Arc;

        pub use kafka_rpc_core::macro_support::{
            Answer, Arguments, Array, Deserialize, Deserializer, Failure, ResultCall, ResultType,
            RoutingKey, Serialize, Serializer, WireType, arguments, count,
        };
        pub use kafka_rpc_core::{
            Binding, Bytes, Call, CallError, Descriptor, Dispatch, Method, RpcError, Service,
            ServiceClient, ServiceServer,
        };
    }
}
