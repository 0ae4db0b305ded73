//! Why a client or a server isn't healthy.

use std::fmt;

/// One reason why a client or a server isn't ready; see [`ServerHealth`](crate::ServerHealth) and
/// [`ClientHealth`](crate::ClientHealth).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthReason {
    /// What kind of reason it is.
    pub cause: HealthCause,
    /// What is wrong, and what helps.
    pub message: String,
}

/// The kinds of reasons that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthCause {
    /// A group hasn't accepted the server yet, or has given it up and not taken it back.
    Joining,
    /// A broker doesn't answer.
    Unreachable,
    /// The brokers refuse the access or the credentials.
    Denied,
    /// Another server has taken this one's static name. This one serves without it; stop one of both.
    Fenced,
    /// A topic is missing, or the brokers refuse something else.
    Refused,
    /// Replies couldn't be brought to their callers in the last ten seconds.
    RepliesLost,
    /// The thread that reads hasn't come round for a minute. Only a restart helps.
    Stuck,
    /// It is stopping, or has stopped.
    Stopping,
}

impl HealthReason {
    pub(crate) fn new(cause: HealthCause, message: impl Into<String>) -> Self {
        Self {
            cause,
            message: message.into(),
        }
    }
}

impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
