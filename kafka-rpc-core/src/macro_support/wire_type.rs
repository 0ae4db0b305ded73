//! The types that arguments, values and errors of methods may have.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Fallible;
use crate::call::{Answer, Arguments, Failure};
use crate::client::{Binding, Call};
use crate::wire::value::{Whole, decode, encode_into};
use crate::{Method, RpcError};

/// A type that crosses the wire.
///
/// Generated code goes through these methods, and never through functions that are bounded by the
/// trait, because the compiler words a missing trait in the same way each time it is named as
/// `<T as WireType>`. It then reports a type that can't cross the wire once, not once for each use.
/// For the same reason it has no supertraits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross the wire",
    label = "needs `serde::Serialize` and `serde::Deserialize`",
    note = "put `#[derive(serde::Serialize, serde::Deserialize)]` on the type",
    note = "arguments, values and errors of service methods are encoded by one process and decoded by another"
)]
pub trait WireType: Sized {
    /// Appends this argument.
    fn encode(&self, name: &str, arguments: &mut Arguments);

    /// Decodes the argument with this name.
    ///
    /// # Errors
    /// It is missing, or is no value of this type.
    fn decode(slot: Option<&[u8]>, name: &str) -> Result<Self, Failure>;

    /// Decodes the argument with this name; `default` makes one that is missing.
    ///
    /// # Errors
    /// It is there, and is no value of this type.
    fn decode_or(
        slot: Option<&[u8]>,
        name: &str,
        default: impl FnOnce() -> Self,
    ) -> Result<Self, Failure>;

    /// Encodes it as a method's value.
    ///
    /// # Errors
    /// Its `Serialize` implementation fails.
    fn answer(&self) -> Result<Answer, Failure>;

    /// Encodes it as a method's own error.
    ///
    /// # Errors
    /// Its `Serialize` implementation fails.
    fn refusal(&self) -> Result<Answer, Failure>;

    /// A call of a method that returns this type.
    fn call(
        binding: &Binding,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<Self, RpcError>;

    /// What a method does that returns this type or the error `E`.
    fn or<E: WireType>() -> Fallible<Self, E>;

    /// The same from the side of the error: only an implementation for a type can see that this
    /// type is decoded.
    fn refusing<T: WireType + DeserializeOwned + 'static>() -> Fallible<T, Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> WireType for T {
    // Encoding and decoding are compiled once for each type, and not once for each argument.
    #[inline(never)]
    fn encode(&self, name: &str, arguments: &mut Arguments) {
        match Whole::of(self) {
            Some(whole) => arguments.add(name, &whole),
            None => arguments.add(name, self),
        }
    }

    #[inline(never)]
    fn decode(slot: Option<&[u8]>, name: &str) -> Result<Self, Failure> {
        match slot {
            Some(bytes) => decode(bytes).map_err(|error| undecodable(name, &error)),
            None => Err(Failure::Arguments(format!("missing argument `{name}`"))),
        }
    }

    fn decode_or(
        slot: Option<&[u8]>,
        name: &str,
        default: impl FnOnce() -> Self,
    ) -> Result<Self, Failure> {
        slot.map_or_else(
            || Ok(default()),
            |bytes| decode(bytes).map_err(|error| undecodable(name, &error)),
        )
    }

    #[inline(never)]
    fn answer(&self) -> Result<Answer, Failure> {
        encode(self).map(Answer::Value)
    }

    fn refusal(&self) -> Result<Answer, Failure> {
        encode(self).map(Answer::App)
    }

    fn call(
        binding: &Binding,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<Self, RpcError> {
        binding.call(method, arguments, key)
    }

    #[inline]
    fn or<E: WireType>() -> Fallible<Self, E> {
        E::refusing()
    }

    #[inline]
    fn refusing<V: WireType + DeserializeOwned + 'static>() -> Fallible<V, Self> {
        Fallible {
            call: |binding, method, arguments, key| binding.call_result(method, arguments, key),
            answer: |result| match result {
                Ok(value) => value.answer(),
                Err(error) => error.refusal(),
            },
        }
    }
}

fn undecodable(name: &str, error: &rmp_serde::decode::Error) -> Failure {
    Failure::Arguments(format!("argument `{name}`: {error}"))
}

/// What a buffer holds at first: a small answer, and the reply around it.
const ANSWER_CAPACITY: usize = 224;

fn encode<T: Serialize + 'static>(value: &T) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(ANSWER_CAPACITY);
    let encoded = match Whole::of(value) {
        Some(whole) => encode_into(&mut bytes, &whole),
        None => encode_into(&mut bytes, value),
    };
    encoded.map_err(|error| Failure::Answer(error.to_string()))?;
    Ok(bytes)
}
