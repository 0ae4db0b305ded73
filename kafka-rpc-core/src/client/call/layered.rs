//! A call that goes through layers, and where it comes out of them.
//!
//! Layers are given the request and nothing else. So what the client needs to send it travels as an
//! extension of the request, and the times of a call that is timed come back as one of the response.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::call::{Request, Response};
use crate::client::connection::Attached;
use crate::client::outbound::draft::Prepared;
use crate::client::outbound::sent::SentCall;
use crate::client::timing::Timing;
use crate::middleware::{BoxFuture, Service};
use crate::wire::CallId;
use crate::{Code, Method, Outcome, RpcError};

/// A call on its way through layers. Dropping it drops what they are doing, and so cancels an attempt
/// that was sent.
pub(super) struct LayeredCall {
    pub(super) attached: Arc<Attached>,
    pub(super) method: &'static Method,
    pub(super) id: CallId,
    /// When the call was polled first.
    pub(super) started: Instant,
    deadline: Instant,
    /// `None` once it has ended. Nobody ever locks it: it is what makes a call `Sync`, as one without
    /// layers is.
    future: Option<Mutex<BoxFuture<Result<Response, RpcError>>>>,
}

/// How the client sends a request that comes out of the layers.
#[derive(Clone)]
struct Origin {
    attached: Arc<Attached>,
    started: Instant,
    timing: Option<Timing>,
}

impl LayeredCall {
    /// Hands a request to the outermost layer.
    #[cold]
    pub(super) fn new(outermost: &dyn Service, prepared: Prepared) -> Self {
        let Prepared {
            attached,
            mut request,
            started,
            timing,
        } = prepared;
        request.extensions.insert(Origin {
            attached: Arc::clone(&attached),
            started,
            timing: timing.map(|timing| *timing),
        });
        Self {
            attached,
            method: request.method,
            id: request.id,
            started,
            deadline: request.deadline,
            future: Some(Mutex::new(outermost.call(request))),
        }
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.future.is_none()
    }

    /// What the outermost layer makes of the call.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Response, RpcError>> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        let future = future.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = ready!(Pin::new(future).poll(context));
        self.future = None;
        Poll::Ready(ended)
    }

    pub(super) fn time_left(&self) -> Duration {
        self.deadline
            .saturating_duration_since(self.attached.connection.clock.now())
    }

    /// Ends an attempt that is under way although its alarm has not rung.
    pub(super) fn expire(&self) {
        self.attached.connection.registry.expire(self.id.sequence());
    }
}

/// What the innermost layer stands on: sends one attempt and waits for its end.
pub(in crate::client) struct Innermost;

impl Service for Innermost {
    fn call(&self, request: Request) -> BoxFuture<Result<Response, RpcError>> {
        Box::pin(send(request))
    }
}

async fn send(request: Request) -> Result<Response, RpcError> {
    let Some(origin) = request.extensions.get::<Origin>().cloned() else {
        return Err(RpcError::new(
            Code::Internal,
            Outcome::NotRun,
            "a layer made a request of its own instead of changing the one it was given",
        ));
    };
    let clock = Arc::clone(&origin.attached.connection.clock);
    let timing = origin.timing.map(Box::new);
    let mut sent = SentCall::new(origin.attached, request, origin.started, timing);
    poll_fn(|context| Poll::Ready(sent.begin(clock.now(), context.waker()))).await?;
    let mut response = poll_fn(|context| sent.poll(context.waker())).await?;
    if let Some(timing) = sent.timing.take() {
        response.extensions.insert(*timing);
    }
    Ok(response)
}
