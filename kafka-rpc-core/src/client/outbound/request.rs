//! Makes a request of a draft: its deadline, and what it takes over from the call around it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::{Request, inherited};
use crate::client::connection::Attached;
use crate::client::outbound::draft::Draft;
use crate::client::timing::Timing;
use crate::wire::{CallId, limits};
use crate::{Code, Method, Outcome, RpcError};

/// A request, and what its sending needs besides.
pub(in crate::client) struct Prepared {
    pub(in crate::client) attached: Arc<Attached>,
    pub(in crate::client) request: Request,
    /// When the call was polled first.
    pub(in crate::client) started: Instant,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
}

/// The request of a call that is polled for the first time, which is its first attempt.
///
/// # Errors
/// `InvalidArgument`, if the arguments can't be encoded or the timeout is too long.
pub(in crate::client) fn prepare(draft: Draft, id: CallId) -> Result<Prepared, RpcError> {
    let Draft {
        attached,
        method,
        arguments,
        timeout,
        key,
        mut headers,
        extensions,
        timing,
    } = draft;
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
