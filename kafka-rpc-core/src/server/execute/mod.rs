//! Runs handlers.

pub(super) mod handler;
pub(super) mod inline;
pub(super) mod run;
