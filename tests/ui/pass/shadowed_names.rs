//! Names of the prelude and of crates may mean something else.

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
#![no_implicit_prelude]
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations
)]

mod std {}
mod core {}
mod alloc {}
mod serde {}
mod tokio {}

pub struct Result;
pub struct Option;
pub struct Some;
pub struct None;
pub struct Ok;
pub struct Err;
pub struct Vec;
pub struct Box;
pub struct String;
pub struct Arc;
pub struct Service;
pub struct Method;
pub struct Arguments;
pub struct Call;
pub struct Client;
pub trait Future {}
pub trait Send {}
pub trait Sync {}
pub trait Sized {}
pub trait Clone {}
pub trait Default {}
pub trait Debug {}
pub trait From {}
pub trait Into {}

#[derive(::serde::Serialize, ::serde::Deserialize)]
pub struct S(u8);

/// A service.
#[::kafka_rpc::service]
pub trait Shadowed {
    /// A method.
    #[rpc(key = a)]
    async fn m(&self, a: u8, s: S, #[serde(default)] d: u8) -> ::std::result::Result<S, u8>;
}
