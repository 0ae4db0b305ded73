//! A call that isn't sent yet and can still be configured, and the request that its first poll makes of
//! it: with a deadline, and with what it takes over from the call around it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::call::{Arguments, Extensions, Payload, Request, inherited};
use crate::client::connection::Attached;
use crate::client::timing::Timing;
use crate::wire::{CallId, limits};
use crate::{Code, Method, Outcome, RpcError};

/// What a generated method and the caller have said of a call before its first poll, which makes a
/// [`Request`] of it.
pub(in crate::client) struct Draft {
    pub(in crate::client) attached: Arc<Attached>,
    pub(in crate::client) method: &'static Method,
    /// Or why they can't be encoded.
    pub(in crate::client) arguments: Result<Payload, String>,
    pub(in crate::client) timeout: Option<Duration>,
    pub(in crate::client) key: Option<Bytes>,
    pub(in crate::client) headers: Vec<(String, Vec<u8>)>,
    pub(in crate::client) extensions: Extensions,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
}

impl Draft {
    pub(in crate::client) fn new(
        attached: Arc<Attached>,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Self {
        let (arguments, encoding) = arguments.finish();
        Self {
            attached,
            method,
            arguments,
            timeout: None,
            key: key.map(Bytes::from),
            headers: Vec::new(),
            extensions: Extensions::default(),
            timing: encoding.map(|arguments| {
                Box::new(Timing {
                    arguments,
                    ..Timing::default()
                })
            }),
        }
    }

    /// Has all stages timed, up to the acknowledgement.
    pub(in crate::client) fn time(&mut self) {
        self.timing.get_or_insert_default().asked = true;
        Arguments::time_next();
    }

    /// The request of a call that is polled for the first time, which is its first attempt.
    ///
    /// # Errors
    /// `InvalidArgument`, if the arguments can't be encoded or the timeout is too long.
    pub(in crate::client) fn prepare(self, id: CallId) -> Result<Prepared, RpcError> {
        let Self {
            attached,
            method,
            arguments,
            timeout,
            key,
            mut headers,
            extensions,
            timing,
        } = self;
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(reason) => {
                let what = format!("can't be encoded: {reason}");
                return Err(invalid(&attached, method, &what));
            }
        };
        let mut timeout = timeout
            .or(method.timeout)
            .unwrap_or(attached.connection.options.timeout);
        let longest = Duration::from_millis(limits::MAX_BUDGET_MS.into());
        if timeout > longest {
            let what = format!("has a timeout of {timeout:?}, and the longest is {longest:?}");
            return Err(invalid(&attached, method, &what));
        }
        let started = attached.connection.clock.now();
        if let Some(no_later) = inherit(&mut headers) {
            timeout = timeout.min(no_later.saturating_duration_since(started));
        }
        let request = Request {
            id,
            service: attached.descriptor,
            method,
            arguments,
            key,
            headers,
            deadline: started + timeout,
            attempt: 1,
            extensions,
        };
        Ok(Prepared {
            attached,
            request,
            started,
            timing,
        })
    }
}

/// A request, and what its sending needs besides.
pub(in crate::client) struct Prepared {
    pub(in crate::client) attached: Arc<Attached>,
    pub(in crate::client) request: Request,
    /// When the call was polled first.
    pub(in crate::client) started: Instant,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
}

/// A call made inside a handler ends with the handler's own deadline, which this returns, and belongs
/// to the handler's trace.
fn inherit(headers: &mut Vec<(String, Vec<u8>)>) -> Option<Instant> {
    let inherited = inherited()?;
    // Both trace headers or none: the state of one trace means nothing in another.
    let own = |name: &str| matches!(name, "traceparent" | "tracestate");
    if !inherited.trace.is_empty() && !headers.iter().any(|(name, _)| own(name)) {
        headers.extend(inherited.trace);
    }
    Some(inherited.deadline)
}

/// The error of a call that can't be sent as it is.
#[cold]
pub(super) fn invalid(attached: &Attached, method: &Method, what: &str) -> RpcError {
    RpcError::new(
        Code::InvalidArgument,
        Outcome::NotRun,
        format!("the call of {} {what}", attached.name(method)),
    )
}
