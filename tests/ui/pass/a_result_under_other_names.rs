//! A `Result` is found by any path to the standard library's.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    single_use_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

use kafka_rpc::{Call, CallError};
use std::result::Result as Other;

/// An alias with its error filled in, and one with both.
pub mod alias {
    /// With the error filled in.
    pub type Result<T> = core::result::Result<T, u8>;
    /// With another order.
    pub type Swapped<E, T> = core::result::Result<T, E>;
    /// With nothing left.
    pub type Full = core::result::Result<String, u8>;
}

/// A service.
#[kafka_rpc::service]
pub trait Results {
    /// By a full path.
    async fn full(&self) -> ::core::result::Result<u8, String>;
    /// In parentheses, as macros leave them.
    async fn alias(&self) -> alias::Result<Vec<u8>>;
    /// By a name of the importer's.
    #[rpc(result)]
    async fn imported(&self) -> Other<u8, String>;
    /// In another order.
    #[rpc(result)]
    async fn swapped(&self) -> alias::Swapped<u8, String>;
    /// Whole.
    #[rpc(result)]
    async fn whole(&self) -> alias::Full;
    /// A value within a value.
    async fn nested(&self) -> Option<Result<u8, String>>;
}

/// Each call has the type that the rule gives it.
pub fn calls(client: &ResultsClient) {
    drop::<Call<u8, CallError<String>>>(client.full());
    drop::<Call<Vec<u8>, CallError<u8>>>(client.alias());
    drop::<Call<u8, CallError<String>>>(client.imported());
    drop::<Call<String, CallError<u8>>>(client.swapped());
    drop::<Call<String, CallError<u8>>>(client.whole());
    drop::<Call<Option<Result<u8, String>>, kafka_rpc::RpcError>>(client.nested());
}
