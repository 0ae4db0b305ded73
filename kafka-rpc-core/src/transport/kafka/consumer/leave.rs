//! How a member leaves its group: it reads on until its partitions are given up, and only then goes.
//!
//! In this order nothing is lost that was done. A consumer that is closed while its group rebalances has
//! its commits refused; one that unsubscribes waits for the rebalance to end, is asked for its partitions
//! like any other, and tells the group that it leaves when it has committed them. What goes on of them
//! needs no membership.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::commit;
use super::member::{Shared, number};
use super::rebalance::Context;
use crate::transport::kafka::ffi;
use crate::util::sync::lock;

/// How long it takes at least to tell the group, also if nobody waits for that any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long the commits before the last ones are tried: they are refused while the group rebalances, and
/// the member reads on meanwhile.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause between two attempts.
const COMMIT_PAUSE: Duration = Duration::from_millis(20);

/// How far a member is that leaves.
#[derive(Debug)]
pub(super) enum Leaving {
    /// What was done so far is committed first, so that little is left to the last moment.
    Committing { since: Instant, tried: Instant },
    /// By KIP-848 a static member can't but keep its partitions for its return; it commits them for the
    /// last time.
    Keeping(Instant),
    /// It waits until its partitions are given up, and the group is told.
    Unsubscribed(Instant),
}

impl Leaving {
    /// Begins to leave.
    pub(super) fn begin(consumer: &BaseConsumer<Context>, shared: &Shared) -> Self {
        commit::note(shared);
        commit::begin(consumer, shared);
        let now = Instant::now();
        Self::Committing {
            since: now,
            tried: now,
        }
    }

    /// Goes on as far as it can. Says whether the member has left.
    pub(super) fn go_on(&mut self, consumer: &BaseConsumer<Context>, shared: &Shared) -> bool {
        if consumer.client().fatal_error().is_some() {
            return self.end(consumer, shared, true);
        }
        let by = *lock(&shared.leave_by);
        let is_late = by.is_some_and(|by| by <= Instant::now());
        match *self {
            Self::Committing { since, tried } => {
                if since.elapsed() > COMMIT_TIMEOUT || is_late {
                    *self = Self::give_up(consumer, shared);
                } else if tried.elapsed() > COMMIT_PAUSE {
                    let is_done = commit::begin(consumer, shared);
                    let tried = Instant::now();
                    *self = if is_done {
                        Self::give_up(consumer, shared)
                    } else {
                        Self::Committing { since, tried }
                    };
                }
                false
            }
            Self::Keeping(since) => {
                let is_under_way = commit::collect(consumer, shared, Duration::ZERO);
                let is_over = !is_under_way || (is_late && since.elapsed() > FAREWELL);
                is_over && self.end(consumer, shared, !is_under_way)
            }
            Self::Unsubscribed(since) => {
                let is_member = ffi::is_member(consumer.client());
                let is_over = !is_member || (is_late && since.elapsed() > FAREWELL);
                is_over && self.end(consumer, shared, !is_member)
            }
        }
    }

    fn give_up(consumer: &BaseConsumer<Context>, shared: &Shared) -> Self {
        let keeps = shared.consumer_protocol && shared.options.instance.is_some();
        if !keeps || shared.known.is_fenced() {
            // A first assignment that comes after this must not subscribe once more.
            shared.joined.store(true, Ordering::Release);
            consumer.unsubscribe();
            return Self::Unsubscribed(Instant::now());
        }
        // Closing the consumer then gives them up without a word to the group.
        let gone = {
            let mut partitions = lock(&shared.partitions);
            let owned = partitions.owned();
            partitions.give_up(&owned)
        };
        let numbers: Vec<u32> = gone.into_iter().map(number).collect();
        let last = shared.sink.revoked(&numbers);
        commit::last(consumer, shared, last);
        Self::Keeping(Instant::now())
    }

    fn end(&self, consumer: &BaseConsumer<Context>, shared: &Shared, is_told: bool) -> bool {
        commit::collect(consumer, shared, Duration::ZERO);
        commit::abandon(shared);
        shared.told(is_told);
        // Too late to be committed.
        let lost = {
            let mut partitions = lock(&shared.partitions);
            let owned = partitions.owned();
            partitions.give_up(&owned)
        };
        if !lost.is_empty() {
            let numbers: Vec<u32> = lost.into_iter().map(number).collect();
            shared.sink.lost(&numbers);
        }
        true
    }
}
