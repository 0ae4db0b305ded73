//! Stands in for `crate::wire::preflight` on this branch only; to be deleted when the two meet.

use std::fmt;

#[derive(Debug)]
pub(super) struct PreflightError;

impl fmt::Display for PreflightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the document is not one whole MessagePack value")
    }
}

pub(super) fn preflight(bytes: &[u8]) -> Result<(), PreflightError> {
    match super::slots::skip(bytes) {
        Some([]) => Ok(()),
        _ => Err(PreflightError),
    }
}
