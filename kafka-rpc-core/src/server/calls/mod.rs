//! What is known of calls.

pub(super) mod cancel;
pub(super) mod duplicates;
