//! Holds a call from its making to its end.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::de::DeserializeOwned;

use crate::codegen::Arguments;
use crate::{CallError, Method, RpcError};

/// One service, as a client is attached to it; what a generated client holds.
#[derive(Clone, Debug)]
pub struct Binding;

/// A client.
#[derive(Clone, Debug)]
pub struct Client;

/// One call of a remote method: a future that can be configured until it is first polled.
#[must_use = "a call does nothing until it is awaited or waited for"]
#[derive(Debug)]
pub struct Call<T, E>(PhantomData<fn() -> (T, E)>);

impl<T, E> Future for Call<T, E> {
    type Output = Result<T, E>;
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}

impl Binding {
    /// A call of a method with a plain answer; called by generated code.
    pub fn call<T: DeserializeOwned>(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<T, RpcError> {
        let _ = (method, arguments, key);
        Call(PhantomData)
    }

    /// A call of a method with an error of its own; called by generated code.
    pub fn call_result<T: DeserializeOwned, E: DeserializeOwned>(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<T, CallError<E>> {
        let _ = (method, arguments, key);
        Call(PhantomData)
    }

    /// A call without a reply; called by generated code.
    pub fn call_oneway(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<(), RpcError> {
        let _ = (method, arguments, key);
        Call(PhantomData)
    }
}
