//! What both sides of a call share.

pub(crate) mod context;

pub use context::Context;
pub(crate) use context::inherited;
