//! What a handler can know of the call that it serves, without a parameter for it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::interrupt::Interrupt;
use super::{Payload, Request};
use crate::transport::Clock;
use crate::wire::CallId;
use crate::{Descriptor, Method};

tokio::task_local! {
    static CURRENT: Context;
}

/// The call that is being served.
///
/// It is there within a handler and everything that the handler awaits. A task that the handler
/// spawns has it only if it is taken along:
///
/// ```
/// # use kafka_rpc_core::Context;
/// # async fn handler() {
/// if let Some(context) = Context::current() {
///     tokio::spawn(context.scope(async {
///         assert!(Context::current().is_some());
///     }));
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>);

/// It is a request without its arguments, which are the handler's.
struct Inner {
    call_id: CallId,
    service: &'static Descriptor,
    method: &'static Method,
    key: Option<Bytes>,
    headers: Vec<(String, Vec<u8>)>,
    deadline: Instant,
    attempt: u32,
    clock: Arc<dyn Clock>,
    interrupt: Interrupt,
}

impl Context {
    /// The context of a request that is about to be served, and the request's arguments.
    pub(crate) fn serve(request: Request, clock: Arc<dyn Clock>) -> (Self, Payload) {
        let context = Self(Arc::new(Inner {
            call_id: request.id,
            service: request.service,
            method: request.method,
            key: request.key,
            headers: request.headers,
            deadline: request.deadline,
            attempt: request.attempt,
            clock,
            interrupt: Interrupt::default(),
        }));
        (context, request.arguments)
    }

    /// The call that this task serves; `None` outside of a handler.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs `future` with this as its [`current`](Self::current) context.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Calls `run` with this as its current context.
    pub(crate) fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), run)
    }

    /// When the handler will be stopped: the call's deadline, as far as the server can tell the age of
    /// the command. A moment of the transport's clock: on the broker in memory that is tokio's, paused
    /// or not.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.0.deadline
    }

    /// How long it is until the [`deadline`](Self::deadline).
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline()
            .saturating_duration_since(self.0.clock.now())
    }

    /// The call's id, the same for all its attempts.
    #[must_use]
    pub fn call_id(&self) -> CallId {
        self.0.call_id
    }

    /// Which attempt of the call this is, from 1, as the caller says.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// The service's name on the wire.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.0.service.name
    }

    /// The method's name on the wire.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.0.method.name
    }

    /// The call's key, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key.as_deref()
    }

    /// The first header with this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers()
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    /// The command's headers, in order. Nobody vouches for them but the caller.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Whether the handler was stopped: the caller gave up, the deadline passed, or the server had
    /// to let the call go. For work that the handler left behind in tasks of its own.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.interrupt.reason().is_some()
    }

    /// Done when [`is_cancelled`](Self::is_cancelled) is true; never, if the handler ends by itself.
    pub async fn cancelled(&self) {
        self.0.interrupt.fired().await;
    }

    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.0.interrupt
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither keys nor header values reach a log.
        f.debug_struct("Context")
            .field("call_id", &self.call_id())
            .field("service", &self.service())
            .field("method", &self.method())
            .field("attempt", &self.attempt())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

/// What a call made within a handler takes over from the call that is served.
#[derive(Debug)]
pub(crate) struct Inherited {
    /// No call within lives longer.
    pub(crate) deadline: Instant,
    /// `traceparent` and `tracestate`, as they came.
    pub(crate) trace: Vec<(String, Vec<u8>)>,
}

/// What the current task's calls inherit; `None` outside of a handler.
pub(crate) fn inherited() -> Option<Inherited> {
    CURRENT
        .try_with(|context| Inherited {
            deadline: context.deadline(),
            trace: context
                .0
                .headers
                .iter()
                .filter(|(name, _)| matches!(name.as_str(), "traceparent" | "tracestate"))
                .cloned()
                .collect(),
        })
        .ok()
}
