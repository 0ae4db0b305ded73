//! Ends chosen calls with chosen errors, for tests.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::Arc;

use crate::RpcError;
use crate::call::{Request, Response};
use crate::middleware::{BoxFuture, Layer, Service, Stack};
use crate::util::lock_order::TEST_FAULTS;
use crate::util::sync::{Mutex, lock};

/// The errors that calls are to end with, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<VecDeque<Fault>, TEST_FAULTS>);

#[derive(Debug)]
struct Fault {
    service: &'static str,
    method: String,
    error: RpcError,
}

impl Faults {
    /// Puts a layer on a client's stack which ends calls with the errors that are pushed here.
    pub(crate) fn install(stack: &Stack) -> Arc<Self> {
        let faults = Arc::default();
        stack.push(&FaultLayer(Arc::clone(&faults)));
        faults
    }

    /// Has the next call of this method end with `error`, after those that were asked for before.
    pub(crate) fn push(&self, service: &'static str, method: &str, error: RpcError) {
        lock(&self.0).push_back(Fault {
            service,
            method: method.to_owned(),
            error,
        });
    }

    /// The error that this call is to end with.
    fn take(&self, request: &Request) -> Option<RpcError> {
        let mut faults = lock(&self.0);
        let index = faults.iter().position(|fault| {
            fault.service == request.service.name && fault.method == request.method.name
        })?;
        faults.remove(index).map(|fault| fault.error)
    }
}

struct FaultLayer(Arc<Faults>);

impl Layer for FaultLayer {
    fn layer(&self, inner: Arc<dyn Service>) -> Arc<dyn Service> {
        Arc::new(FaultService {
            faults: Arc::clone(&self.0),
            inner,
        })
    }
}

struct FaultService {
    faults: Arc<Faults>,
    inner: Arc<dyn Service>,
}

impl Service for FaultService {
    fn call(&self, request: Request) -> BoxFuture<Result<Response, RpcError>> {
        match self.faults.take(&request) {
            Some(error) => Box::pin(ready(Err(error))),
            None => self.inner.call(request),
        }
    }
}
