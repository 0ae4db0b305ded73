//! What a method returns where it has an error of its own.

use crate::call::{Answer, Arguments, Failure};
use crate::client::{Binding, Call};
use crate::{CallError, Method};

/// The standard library's `Result`, under whatever alias.
///
/// It asks nothing of its value and error, so that the compiler names the one that can't cross the
/// wire, and not the `Result`.
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

    /// Itself, by its name.
    fn as_result(&self) -> &Result<Self::Ok, Self::Err>;
}

impl<T, E> ResultType for Result<T, E> {
    type Ok = T;
    type Err = E;

    #[inline]
    fn as_result(&self) -> &Self {
        self
    }
}

/// The call of a method that returns this `Result`.
pub type ResultCall<R> = Call<<R as ResultType>::Ok, CallError<<R as ResultType>::Err>>;

/// What a method does that returns a value or an error of its own.
///
/// Client and server both ask [`WireType::or`](crate::macro_support::WireType::or) for it. So the compiler has the
/// same words for both if a type can't cross the wire, and says them once.
pub struct Fallible<T, E> {
    /// Makes a call of the method.
    pub call: MakeCall<T, E>,
    /// Encodes what the method returned.
    pub answer: fn(&Result<T, E>) -> Result<Answer, Failure>,
}

type MakeCall<T, E> =
    fn(&Binding, &'static Method, Arguments, Option<Vec<u8>>) -> Call<T, CallError<E>>;

impl<T, E> std::fmt::Debug for Fallible<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fallible").finish_non_exhaustive()
    }
}
