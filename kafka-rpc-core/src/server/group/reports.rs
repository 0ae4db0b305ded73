//! Tells the new owners of partitions how the calls fare that go on here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::member::Member;
use super::report::Report;
use crate::server::complete::offsets::RecordRef;
use crate::server::complete::origin::Address;
use crate::server::complete::outbox::Backlog;
use crate::server::complete::{Completion, Reply, Settle};
use crate::transport::Permission;
use crate::wire::{CallId, HandOver};

/// How long the report of an end is tried to be brought to the log.
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a sign of life is: the next one follows.
const LIFE_TIMEOUT: Duration = Duration::from_secs(1);

impl Member {
    /// Writes a report to its partition.
    pub(super) fn report(self: &Arc<Self>, report: &Report) {
        let is_end = !report.settled.is_empty();
        if self.env.may_report() == Permission::Denied {
            // The start has said so.
            if is_end {
                self.transition(|transition| transition.state.handed_over.reported());
            }
            return;
        }
        let shared = &self.env.shared;
        let number = self.env.reports.number.fetch_add(1, Ordering::Relaxed);
        let call_id = CallId::new(shared.executor, number);
        let mut value = Vec::new();
        HandOver::encode(call_id, &report.settled, &report.running, &mut value);
        let timeout = if is_end { END_TIMEOUT } else { LIFE_TIMEOUT };
        let now = shared.clock.now();
        let record = RecordRef {
            partition: report.partition,
            first_delivery: false,
            generation: 0,
            offset: 0,
            reply_ms: shared.clock.wall_us_at(now) / 1_000,
        };
        let reply = Reply {
            call_id,
            address: Address {
                topic: Arc::clone(&self.env.topic),
                partition: report.partition,
            },
            value,
            give_up: now + timeout,
        };
        let member = Arc::clone(self);
        let owner = Arc::new(Reporter { member, is_end });
        shared
            .complete
            .complete(owner, record, Completion::Reply(reply));
    }
}

/// Is told when a report is in the log.
struct Reporter {
    member: Arc<Member>,
    is_end: bool,
}

impl Settle for Reporter {
    fn settle(self: Arc<Self>, records: &mut dyn Iterator<Item = RecordRef>) {
        for _ in records {
            if self.is_end {
                self.member
                    .transition(|transition| transition.state.handed_over.reported());
            }
        }
    }

    fn leave(self: Arc<Self>, _: RecordRef) {}

    fn wake_by(&self, at: Instant) {
        self.member.wake_by(at);
    }

    fn backlog(&self) -> &Backlog {
        &self.member.env.reports.backlog
    }
}
