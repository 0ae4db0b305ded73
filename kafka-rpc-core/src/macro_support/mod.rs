//! What generated code calls: everything that doesn't depend on the types of one method.
//!
//! It is reached through `kafka_rpc::__private` and is no public API: macro and run time are
//! released together and pin each other's exact version.

mod arguments;
mod array;
mod key;
mod result_type;
mod slots;
mod value;
mod wire_type;

pub(crate) use arguments::ROOM;
pub use arguments::{Arguments, count};
pub use array::Array;
pub use key::RoutingKey;
pub use result_type::{Fallible, ResultCall, ResultType};
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use slots::arguments;
pub use value::decode_value;
pub use wire_type::WireType;

/// An encoded answer of a method: its value, or its own error.
#[derive(PartialEq, Eq)]
pub enum Answer {
    /// The method's value.
    Value(Vec<u8>),
    /// The method's own error.
    App(Vec<u8>),
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Payloads never reach a log.
        match self {
            Self::Value(bytes) => write!(f, "Value({} bytes)", bytes.len()),
            Self::App(bytes) => write!(f, "App({} bytes)", bytes.len()),
        }
    }
}

/// Why a method gave no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The arguments can't be decoded; the method did not start. Names the argument.
    Arguments(String),
    /// The method ran, and its answer can't be encoded.
    Answer(String),
    /// The index is no method's.
    Unimplemented,
}
