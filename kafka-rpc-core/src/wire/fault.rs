//! Why decoding stopped.

use super::PreflightError;
use crate::Code;

/// Why decoding stopped.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self {
            code: Code::InvalidArgument,
            reason: reason.into(),
        }
    }

    pub(super) fn unimplemented(reason: impl Into<String>) -> Self {
        Self {
            code: Code::Unimplemented,
            reason: reason.into(),
        }
    }
}

impl From<PreflightError> for Fault {
    #[cold]
    fn from(error: PreflightError) -> Self {
        Self::invalid(error.to_string())
    }
}
