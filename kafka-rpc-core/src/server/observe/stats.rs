//! Counts what a server does.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Code;

/// What a server has done since its start, and what it is doing; see
/// [`Server::stats`](crate::Server::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Records that were read.
    pub received: u64,
    /// Handlers that were started.
    pub started: u64,
    /// Handlers that gave a value.
    pub answered: u64,
    /// Handlers that gave an error of their own.
    pub app_errors: u64,
    /// Commands that weren't run because nobody seemed to wait for them any more.
    pub expired: u64,
    /// Handlers that were stopped at their call's deadline.
    pub overdue: u64,
    /// Calls that their callers gave up, and that were stopped or not even started.
    pub cancelled: u64,
    /// Handlers that were stopped because their partition was taken away, or the server shut down.
    pub abandoned: u64,
    /// Commands that came once more, and weren't run again.
    pub duplicates: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Records that are no envelope, or have no value. One that was answered counts as refused, too.
    pub malformed: u64,
    /// Records that are none of this server's business: replies, and commands of its other services
    /// that another group reads.
    pub foreign: u64,
    /// Replies that couldn't be brought to the log, or not before their call's deadline.
    pub lost_replies: u64,
    /// Commands that were answered with this server's clock alone, since the caller's seemed to be
    /// another one.
    pub clock_answers: u64,
    /// Commands that wait for a slot, or for the one before them.
    pub queued: u64,
    /// Handlers that run.
    pub running: u64,
    refused: [u64; Code::ALL.len()],
}

impl ServerStats {
    /// How many calls ended with this code instead of an answer of their handler's. Those of
    /// `PermissionDenied` asked for a reply on a topic that isn't allowed, and heard nothing.
    #[must_use]
    pub fn refused(&self, code: Code) -> u64 {
        self.refused[index(code)]
    }
}

/// The live numbers behind [`ServerStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) started: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) app_errors: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) overdue: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) abandoned: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) foreign: AtomicU64,
    pub(crate) lost_replies: AtomicU64,
    pub(crate) clock_answers: AtomicU64,
    refused: [AtomicU64; Code::ALL.len()],
}

impl Counters {
    /// Counts a call that ended with this code.
    pub(crate) fn refuse(&self, code: Code) {
        count(&self.refused[index(code)]);
    }

    /// The numbers now; `queued` and `running` are 0, since others know them.
    pub(crate) fn snapshot(&self) -> ServerStats {
        ServerStats {
            received: self.received.load(Relaxed),
            started: self.started.load(Relaxed),
            answered: self.answered.load(Relaxed),
            app_errors: self.app_errors.load(Relaxed),
            expired: self.expired.load(Relaxed),
            overdue: self.overdue.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            panics: self.panics.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            foreign: self.foreign.load(Relaxed),
            lost_replies: self.lost_replies.load(Relaxed),
            clock_answers: self.clock_answers.load(Relaxed),
            queued: 0,
            running: 0,
            refused: self.refused.each_ref().map(|refused| refused.load(Relaxed)),
        }
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn index(code: Code) -> usize {
    Code::ALL
        .iter()
        .position(|other| *other == code)
        .unwrap_or_default()
}
