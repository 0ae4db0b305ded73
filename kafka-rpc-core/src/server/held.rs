//! Holds replies back for as long as further commands are at hand, so that they go out together.
//!
//! A producer sends what it has as soon as it has it, and then waits for the broker's answer. If the
//! first reply to a batch of commands went out alone, all others would wait for that answer.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::outbox::{Outbox, Outgoing};
use crate::sync::lock;

/// How long a reply waits for others. The commands of a batch take a microsecond or two each.
const PATIENCE: Duration = Duration::from_micros(500);

/// Replies that wait for others.
#[derive(Default)]
pub(super) struct Held(Mutex<Batch>);

#[derive(Default)]
struct Batch {
    /// When the first of them was done.
    since: Option<Instant>,
    replies: Vec<Outgoing>,
}

impl Held {
    /// Keeps a reply that was done at `now`, or sends all if the first one has waited for long.
    pub(super) fn push(&self, outgoing: Outgoing, now: Instant, outbox: &Outbox) {
        {
            let batch = &mut *lock(&self.0);
            batch.replies.push(outgoing);
            let since = *batch.since.get_or_insert(now);
            if now.saturating_duration_since(since) < PATIENCE {
                return;
            }
        }
        self.flush(outbox);
    }

    /// Sends them.
    pub(super) fn flush(&self, outbox: &Outbox) {
        let mut replies = {
            let batch = &mut *lock(&self.0);
            if batch.replies.is_empty() {
                return;
            }
            batch.since = None;
            std::mem::take(&mut batch.replies)
        };
        for outgoing in replies.drain(..) {
            outbox.send(outgoing);
        }
        // Its memory serves the next batch.
        let batch = &mut *lock(&self.0);
        if batch.replies.is_empty() {
            batch.replies = replies;
        }
    }
}
