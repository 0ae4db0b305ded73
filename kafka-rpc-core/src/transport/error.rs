//! Why a transport can't do something, and what that means for a call.

use std::fmt;

use crate::error::{HealthCause, HealthReason};
use crate::util::throttle;
use crate::{Code, Outcome, RpcError};

/// Why the transport can't do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What kind of failure it is.
    pub kind: TransportErrorKind,
    /// What happened, without secrets or payloads.
    pub message: String,
}

impl TransportError {
    /// Lets a log line about this error, which `who` met, through at most once every 10 s: how many
    /// such lines were suppressed since the last one, or `None` if this one is to be suppressed, too.
    /// An unreachable broker is one cause wherever it shows; anything else is one for each `place`.
    pub(crate) fn pass_throttle(&self, who: &str, place: &str) -> Option<u64> {
        match self.kind {
            TransportErrorKind::Unavailable => throttle::pass(format_args!("{who}: unavailable")),
            kind => {
                let message = throttle::Pattern(&self.message);
                throttle::pass(format_args!("{who}: {place}: {kind:?}: {message}"))
            }
        }
    }

    /// An error of this kind.
    pub fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// Says first what was being done.
    #[must_use]
    pub(crate) fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// The same failure as users see it, with what it means for the call.
    #[must_use]
    pub(crate) fn into_rpc(self, outcome: Outcome) -> RpcError {
        let code = match self.kind {
            TransportErrorKind::Configuration | TransportErrorKind::TooLarge => {
                Code::InvalidArgument
            }
            TransportErrorKind::PermissionDenied => Code::PermissionDenied,
            TransportErrorKind::Unauthenticated => Code::Unauthenticated,
            TransportErrorKind::QueueFull => Code::ResourceExhausted,
            TransportErrorKind::Unavailable
            | TransportErrorKind::UnknownTopic
            | TransportErrorKind::Closed
            | TransportErrorKind::Other => Code::Unavailable,
        };
        RpcError::new(code, outcome, self.message)
    }
}

/// Why whoever has this trouble isn't ready.
impl From<TransportError> for HealthReason {
    fn from(error: TransportError) -> Self {
        let cause = match error.kind {
            TransportErrorKind::Unavailable => HealthCause::Unreachable,
            TransportErrorKind::PermissionDenied | TransportErrorKind::Unauthenticated => {
                HealthCause::Denied
            }
            TransportErrorKind::Configuration
            | TransportErrorKind::UnknownTopic
            | TransportErrorKind::TooLarge
            | TransportErrorKind::QueueFull
            | TransportErrorKind::Closed
            | TransportErrorKind::Other => HealthCause::Refused,
        };
        Self::new(cause, error.message)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportErrorKind {
    /// A setting is refused or has no meaning.
    Configuration,
    /// No broker could be reached, or not in time.
    Unavailable,
    /// The topic or partition doesn't exist.
    UnknownTopic,
    /// The broker's access control refuses it.
    PermissionDenied,
    /// The broker refuses the credentials.
    Unauthenticated,
    /// The record is larger than the limit.
    TooLarge,
    /// The producer's queue is full.
    QueueFull,
    /// The producer, listener or member was closed.
    Closed,
    /// Anything else.
    Other,
}
