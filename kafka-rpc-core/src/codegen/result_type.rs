//! What a method returns where it has an error of its own.

use super::{Answer, Arguments, Failure, WireType};
use crate::client::{Binding, Call};
use crate::{CallError, Method};

/// The standard library's `Result`, under whatever alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is taken for a `Result`, but it is not the standard library's",
    label = "not a `core::result::Result`",
    note = "put `#[rpc(plain)]` on the method to send it as a plain value"
)]
pub trait ResultType {
    /// The type of the value.
    type Ok;
    /// The type of the method's own error.
    type Err;

    /// Encodes it as a method's value or own error.
    ///
    /// # Errors
    /// A `Serialize` implementation fails.
    fn answer(&self) -> Result<Answer, Failure>;

    /// A call of a method that returns this.
    fn call(
        binding: &Binding,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<Self::Ok, CallError<Self::Err>>;
}

impl<T: WireType, E: WireType> ResultType for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn answer(&self) -> Result<Answer, Failure> {
        match self {
            Ok(value) => value.answer(),
            Err(error) => error.refusal(),
        }
    }

    fn call(
        binding: &Binding,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<T, CallError<E>> {
        T::call_result(binding, method, arguments, key)
    }
}
