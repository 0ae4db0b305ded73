//! Looks at topics and makes them.

pub(super) mod embedded;
pub(super) mod topics;
