//! A command that may be run, before and after its start.

use std::sync::Arc;

use crate::call::{Context, Payload, Request};
use crate::server::complete::origin::Origin;
use crate::server::schedule::Slot;
use crate::transport::Clock;

/// A command that waits.
pub(crate) struct Job {
    pub(crate) origin: Origin,
    pub(crate) request: Request,
    /// The bytes that it takes as long as it waits.
    pub(crate) size: usize,
}

/// A command that is started.
pub(crate) struct Start {
    pub(crate) slot: Slot,
    pub(crate) origin: Origin,
    pub(crate) context: Context,
    pub(crate) arguments: Payload,
    pub(crate) mode: Mode,
}

/// Where a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// On the thread that read its command; nothing can stop it at its first poll.
    Inline,
    /// As a task, which this timer stops at the deadline.
    Task(u64),
}

impl Job {
    /// Gives the job its slot, and its handler a context.
    pub(crate) fn start(self, slot: Slot, clock: &Arc<dyn Clock>) -> Start {
        let (context, arguments) = Context::serve(self.request, Arc::clone(clock));
        Start {
            slot,
            origin: self.origin,
            context,
            arguments,
            mode: Mode::Inline,
        }
    }
}
