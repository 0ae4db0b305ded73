//! Typed RPC over Apache Kafka.

pub use kafka_rpc_core::{
    Call, CallError, Client, Code, Descriptor, Dispatch, Method, Operation, Outcome, RpcError,
    Service, ServiceClient, ServiceServer,
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
