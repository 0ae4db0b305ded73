//! Every form of return type, with the call that it makes.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    single_use_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
#![allow(unused_qualifications)]

use kafka_rpc::{Call, CallError, RpcError};

/// The error of the service's own.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub enum Failed {
    /// It failed.
    Badly,
}

/// An alias of the same name.
pub mod alias {
    /// With the error filled in.
    pub type Result<T> = core::result::Result<T, super::Failed>;
}

/// An alias of another name.
pub type Outcome<T> = Result<T, Failed>;

/// Someone's own type.
pub mod own {
    /// It only shares the name.
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub struct Result(pub u8);
}

/// A service.
#[kafka_rpc::service]
pub trait Returns {
    /// Nothing.
    async fn nothing(&self);
    /// A unit.
    async fn unit(&self) -> ();
    /// A value.
    async fn value(&self) -> u64;
    /// A result.
    async fn result(&self) -> Result<u64, Failed>;
    /// A result by its path.
    async fn path(&self) -> std::result::Result<(), Failed>;
    /// A result by an alias.
    async fn alias(&self) -> alias::Result<String>;
    /// A result by an alias with another name.
    #[rpc(result)]
    async fn renamed(&self) -> Outcome<String>;
    /// No result.
    #[rpc(plain)]
    async fn plain(&self) -> own::Result;
    /// No answer.
    #[rpc(oneway)]
    async fn oneway(&self);
}

/// Each call has the type that the rule gives it.
pub fn calls(client: &ReturnsClient) {
    drop::<Call<(), RpcError>>(client.nothing());
    drop::<Call<(), RpcError>>(client.unit());
    drop::<Call<u64, RpcError>>(client.value());
    drop::<Call<u64, CallError<Failed>>>(client.result());
    drop::<Call<(), CallError<Failed>>>(client.path());
    drop::<Call<String, CallError<Failed>>>(client.alias());
    drop::<Call<String, CallError<Failed>>>(client.renamed());
    drop::<Call<own::Result, RpcError>>(client.plain());
    drop::<Call<(), RpcError>>(client.oneway());
}
