//! One pending call.

use std::task::Waker;
use std::time::Instant;

use crate::client::pending::{Awaits, Ending};
use crate::client::stats::ClientStats;

/// A call from before its command is handed over until its guard is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) awaits: Awaits,
    /// Whether it is asked for when the command was acknowledged and the reply came.
    pub(super) timed: bool,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Waiting(Waker, Report),
    Ended(Ending),
}

/// What the transport has reported about the command.
#[derive(Debug)]
pub(super) enum Report {
    Nothing,
    /// It is in the log, since this time if that is asked for.
    Persisted(Option<Instant>),
    /// It may be in the log.
    Trouble(Box<str>),
}

impl Entry {
    /// One that waits.
    pub(super) const fn new(awaits: Awaits, timed: bool, waker: Waker) -> Self {
        Self {
            awaits,
            timed,
            state: State::Waiting(waker, Report::Nothing),
        }
    }

    pub(super) const fn waits(&self) -> bool {
        matches!(self.state, State::Waiting(..))
    }

    /// Ends a waiting call; an ended one stays as it is.
    #[must_use = "a waker is woken and dropped outside of the lock"]
    pub(super) fn end(&mut self, ending: Ending, stats: &mut ClientStats) -> Option<Waker> {
        if !self.waits() {
            return None;
        }
        stats.count(&ending);
        stats.in_flight -= 1;
        match std::mem::replace(&mut self.state, State::Ended(ending)) {
            State::Waiting(waker, _) => Some(waker),
            State::Ended(_) => None,
        }
    }
}
