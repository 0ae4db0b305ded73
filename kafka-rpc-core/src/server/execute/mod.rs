//! Runs handlers: as tasks, or inline on the thread that read their command.
//!
//! A [`Job`](job::Job) is a command that may be run, a [`Run`](run::Run) one whose handler runs. Whoever
//! started it is told of its end ([`Owner`](run::Owner)).
//!
//! Nothing here has a lock of its own. A handler is polled by the handlers' runtime, or, inline, by the
//! transport's polling thread; an interrupt wakes it from any thread.

pub(crate) mod handler;
mod inline;
pub(crate) mod job;
pub(crate) mod pace;
pub(crate) mod run;
