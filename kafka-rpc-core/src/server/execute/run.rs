//! A command whose handler runs, and what tells its owner of the end.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;

use super::handler::{Ended, Handling};
use super::job::{Mode, Start};
use crate::Service;
use crate::call::Context;

/// Who starts handlers, and is told of their ends.
pub(crate) trait Owner: Send + Sync {
    /// The runtime that handlers run on.
    fn runtime(&self) -> &Handle;

    /// Monotonic time.
    fn now(&self) -> Instant;

    /// The service with this index.
    fn service(&self, index: usize) -> Arc<dyn Service>;

    /// The one handler that ran inline has returned from its first poll: another may.
    fn inline_returned(&self);

    /// A handler that began inline goes on as a task; returns the timer that stops it at its deadline.
    fn goes_on(&self, context: &Context) -> u64;

    /// A handler has ended.
    fn ended(self: Arc<Self>, start: Box<Run>, end: End);
}

/// A command whose handler runs.
pub(crate) struct Run {
    pub(crate) owner: Arc<dyn Owner>,
    pub(crate) start: Start,
}

/// How a handler ended, and when it began.
pub(crate) struct End {
    pub(crate) ended: Ended,
    /// The text of a panic while the handler was dropped.
    pub(crate) panic: Option<String>,
    pub(crate) started_at: Instant,
    pub(crate) polls: u32,
    /// The reply waits for those to the commands that come next.
    pub(crate) held: bool,
}

impl Run {
    /// Its handler, which hasn't been polled yet.
    pub(super) fn handling(&mut self) -> Handling {
        let Start {
            origin,
            context,
            arguments,
            ..
        } = &mut self.start;
        let service = self.owner.service(origin.service);
        let arguments = std::mem::take(arguments).into_bytes();
        Handling::new(service, origin.method, arguments, context.clone())
    }

    /// Runs it as a task.
    pub(crate) fn spawn(mut self: Box<Self>) {
        let mut handling = self.handling();
        let runtime = self.owner.runtime().clone();
        runtime.spawn(async move {
            let started_at = self.owner.now();
            let (ended, panic) = (&mut handling).await;
            self.end(ended, panic, started_at, handling.polls(), false);
        });
    }

    /// Goes on as a task with a handler that waits for something.
    pub(super) fn go_on_as_task(mut self: Box<Self>, mut handling: Handling, started_at: Instant) {
        self.start.mode = Mode::Task(self.owner.goes_on(&self.start.context));
        let runtime = self.owner.runtime().clone();
        runtime.spawn(async move {
            let (ended, panic) = (&mut handling).await;
            self.end(ended, panic, started_at, handling.polls(), false);
        });
    }

    /// Its handler has ended.
    pub(super) fn end(
        self: Box<Self>,
        ended: Ended,
        panic: Option<String>,
        started_at: Instant,
        polls: u32,
        held: bool,
    ) {
        let end = End {
            ended,
            panic,
            started_at,
            polls,
            held,
        };
        Arc::clone(&self.owner).ended(self, end);
    }
}
