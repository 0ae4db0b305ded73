//! The error of a method that has an error of its own.

use std::fmt;

use crate::error::RpcError;

/// A method that returns a `Result` failed: with its own error, or in the framework.
#[derive(Clone, Debug)]
pub enum CallError<E> {
    /// The method ran and returned this error.
    App(E),
    /// The framework reports why there is no answer.
    Rpc(RpcError),
}

impl<E> CallError<E> {
    /// The method's own error, if it is one.
    pub fn app(self) -> Option<E> {
        match self {
            Self::App(error) => Some(error),
            Self::Rpc(_) => None,
        }
    }

    /// The framework's error, if it is one.
    pub const fn rpc(&self) -> Option<&RpcError> {
        match self {
            Self::App(_) => None,
            Self::Rpc(error) => Some(error),
        }
    }
}

impl<E> From<RpcError> for CallError<E> {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => error.fmt(f),
            Self::Rpc(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // `E` need not be an error itself, and its text is already this error's own.
            Self::App(_) => None,
            Self::Rpc(error) => Some(error),
        }
    }
}
