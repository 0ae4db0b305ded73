//! One service, as a client is attached to it.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::macro_support::Arguments;
use crate::wire::CallId;
use crate::{CallError, Method, RpcError};

use crate::client::call::Call;
use crate::client::connection::Bound;
use crate::client::inbound::decode::{self, Decode};
use crate::client::outbound::submit::Request;

/// One service, as a client is attached to it; what a generated client holds.
#[derive(Clone, Debug)]
pub struct Binding {
    bound: Arc<Bound>,
}

impl Binding {
    pub(super) const fn new(bound: Arc<Bound>) -> Self {
        Self { bound }
    }

    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// A call of a method with a plain answer; called by generated code.
    pub fn call<T: DeserializeOwned + 'static>(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<T, RpcError> {
        self.prepare(method, arguments, key, decode::plain)
    }

    /// A call of a method with an error of its own; called by generated code.
    pub fn call_result<T: DeserializeOwned + 'static, E: DeserializeOwned + 'static>(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<T, CallError<E>> {
        self.prepare(method, arguments, key, decode::fallible)
    }

    /// A call without a reply; called by generated code.
    pub fn call_oneway(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Call<(), RpcError> {
        self.prepare(method, arguments, key, decode::acknowledged)
    }

    fn prepare<T, E>(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
        decode: Decode<T, E>,
    ) -> Call<T, E> {
        let (id, request) = self.request(method, arguments, key);
        Call::new(id, request, decode)
    }

    /// What depends on no type of the method's, and is compiled here once.
    fn request(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> (CallId, Request) {
        let request = Request::new(Arc::clone(&self.bound), method, arguments, key);
        (self.bound.connection.next_id(), request)
    }
}
