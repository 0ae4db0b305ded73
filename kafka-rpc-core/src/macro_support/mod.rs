//! What generated code calls: everything that doesn't depend on the types of one method.
//!
//! It is reached through `kafka_rpc::__private` and is no public API: macro and run time are
//! released together and pin each other's exact version.

mod array;
mod key;
mod result_type;
mod slots;
mod wire_type;

pub use array::Array;
pub use key::RoutingKey;
pub use result_type::{Fallible, ResultCall, ResultType};
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use slots::arguments;
pub use wire_type::WireType;

pub use crate::call::{Answer, Arguments, Failure, count};
pub use crate::wire::decode_value;
