//! User items may have the names of everything that code usually names.

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
#![allow(
    missing_debug_implementations,
    dead_code,
    non_camel_case_types,
    non_upper_case_globals,
    clippy::upper_case_acronyms
)]

macro_rules! structs {
    ($($name:ident)*) => {$(
        #[doc = "A struct."]
        pub struct $name;
    )*};
}

macro_rules! traits {
    ($($name:ident)*) => {$(
        #[doc = "A trait."]
        pub trait $name {}
    )*};
}

macro_rules! modules {
    ($($name:ident)*) => {$(mod $name {})*};
}

// What generated code names its locals and fields after.
macro_rules! values {
    ($($name:ident)*) => {$(
        #[doc = "A value."]
        pub static $name: u8 = 0;
    )*};
}

structs! {
    Result Option Some None Ok Err Vec Box String Error Bytes Codec Stub Target S T E Arc Duration
    Formatter Method Arguments Call CallError Client Server RpcError Binding Dispatch Descriptor
    Failure Context Answer Array __Client
}
traits! {
    Future Send Sync Sized Clone Default Debug From Into Iterator IntoIterator Serialize
    Deserialize Serializer Deserializer WireType ResultType RoutingKey Service ServiceClient
    ServiceServer Drop Copy Fn FnOnce FnMut AsRef ToString ToOwned Unpin Eq PartialEq TryFrom
}
modules! { std core alloc serde tokio kafka_rpc tracing bytes }
values! {
    arguments answer index service binding f key slots sent deserializer serializer argument_0
    descriptor dispatch client server name
}

/// A service.
#[::kafka_rpc::service]
pub trait Shadowed {
    /// A method.
    #[rpc(key = a)]
    async fn m(
        &self,
        a: u8,
        #[serde(default)] b: u16,
        #[serde(default, skip_serializing_if = "::std::string::String::is_empty")]
        c: ::std::string::String,
    ) -> ::std::result::Result<u8, u8>;

    /// Another.
    async fn n(&self, long: [u8; 64]) -> ::std::option::Option<u8>;

    /// A third.
    async fn provided(&self) -> u8 {
        1
    }
}

struct Desk;

impl Shadowed for Desk {
    async fn m(&self, a: u8, _: u16, _: ::std::string::String) -> ::std::result::Result<u8, u8> {
        ::std::result::Result::Ok(a)
    }

    async fn n(&self, _: [u8; 64]) -> ::std::option::Option<u8> {
        ::std::option::Option::None
    }
}

/// Serves it.
pub fn serve() {
    let _ = ShadowedServer::new(Desk);
}
