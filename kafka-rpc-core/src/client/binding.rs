//! One service, as a client is attached to it.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::call::Arguments;
use crate::client::call::Call;
use crate::client::connection::{Attached, Connection};
use crate::client::inbound::decode::{self, Decode};
use crate::client::outbound::draft::Draft;
use crate::wire::CallId;
use crate::{CallError, Method, RpcError};

/// One service, as a client is attached to it; what a generated client holds.
#[derive(Clone, Debug)]
pub struct Binding {
    attached: Arc<Attached>,
}

impl Binding {
    pub(super) const fn new(attached: Arc<Attached>) -> Self {
        Self { attached }
    }

    /// What the clones of the client share.
    pub(crate) fn connection(&self) -> &Connection {
        &self.attached.connection
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
        let (id, draft) = self.draft(method, arguments, key);
        Call::new(id, draft, decode)
    }

    /// What depends on no type of the method's, and is compiled here once.
    fn draft(
        &self,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> (CallId, Draft) {
        let draft = Draft::new(Arc::clone(&self.attached), method, arguments, key);
        (self.attached.connection.next_id(), draft)
    }
}
