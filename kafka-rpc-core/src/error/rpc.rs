//! The error of the framework itself.

use std::fmt;
use std::time::Duration;

use crate::error::{Code, Outcome};

/// A call, or the setting up of a client or server, failed in the framework.
///
/// It is 16 bytes at most, so that it costs a result little. Its text says what happened, whether
/// the call may have run, and what to do next; a program decides by [`code`](Self::code) and
/// [`outcome`](Self::outcome). [The crate's front page](index.html#errors) lists the codes, with
/// what to do about each.
#[derive(Clone)]
pub struct RpcError {
    code: Code,
    outcome: Outcome,
    details: Box<Details>,
}

#[derive(Clone, Default)]
struct Details {
    message: String,
    server: Option<String>,
    retry_after: Option<Duration>,
}

impl RpcError {
    /// An error with this code, outcome and message.
    ///
    /// The message is shown to whoever reads the error: lower case, no full stop, no payload.
    #[must_use]
    pub fn new(code: Code, outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            code,
            outcome,
            details: Box::new(Details {
                message: message.into(),
                ..Details::default()
            }),
        }
    }

    /// Names the server that reported the error.
    #[must_use]
    pub fn from_server(mut self, server: impl Into<String>) -> Self {
        self.details.server = Some(server.into());
        self
    }

    /// Says how long to wait before the call is tried again.
    #[must_use]
    pub fn with_retry_after(mut self, pause: Duration) -> Self {
        self.details.retry_after = Some(pause);
        self
    }

    /// Why it failed.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Whether the method ran.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The same where another attempt may have run.
    pub(crate) const fn of_another_attempt(mut self) -> Self {
        if matches!(self.outcome, Outcome::NotRun) {
            self.outcome = Outcome::Unknown;
        }
        self
    }

    /// What happened and what to do next; for people, since its wording may change.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.details.message
    }

    /// The server that reported the error, if one did.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.details.server.as_deref()
    }

    /// How long the server asks to wait before another attempt.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.details.retry_after
    }
}

impl fmt::Debug for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcError")
            .field("code", &self.code)
            .field("outcome", &self.outcome)
            .field("message", &self.details.message)
            .field("server", &self.details.server)
            .field("retry_after", &self.details.retry_after)
            .finish()
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({})",
            self.code, self.details.message, self.outcome
        )
    }
}

impl std::error::Error for RpcError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_small() {
        assert!(size_of::<RpcError>() <= 16);
        assert!(size_of::<Result<u64, RpcError>>() <= 24);
    }

    #[test]
    fn says_code_message_and_outcome() {
        let error = RpcError::new(Code::Unavailable, Outcome::NotRun, "no broker answers");
        assert_eq!(
            error.to_string(),
            "Unavailable: no broker answers (the call did not run)"
        );
    }
}
