//! Refuses commands that can't be run, and tells their callers why wherever a reply may go.

use std::time::Instant;

use super::state::Transition;
use crate::Code;
use crate::server::admit::arrival::Arrival;
use crate::server::admit::refuse::{RETRY_AFTER_MS, Refusal, UNKNOWN_DEADLINE};
use crate::server::complete::Completion;
use crate::server::complete::offsets::RecordRef;
use crate::server::complete::origin::Address;
use crate::server::observe::events::Event;
use crate::server::observe::stats::count;
use crate::transport::Incoming;
use crate::wire::Malformed;

impl Transition<'_> {
    /// A record is no envelope: its caller is told, if it can be found.
    #[cold]
    pub(super) fn malformed(
        &mut self,
        read: RecordRef,
        record: &Incoming<'_>,
        malformed: Malformed<'_>,
        now: Instant,
    ) {
        count(&self.env.shared.counters.malformed);
        let address = malformed
            .reply_to
            .and_then(|address| self.env.admission.salvaged(address));
        match (malformed.call_id, address) {
            (Some(call_id), Some(address)) => {
                let refusal = Refusal {
                    call_id,
                    attempt: 1,
                    code: malformed.code,
                    message: &malformed.reason,
                    retry_after_ms: None,
                    times: self.env.shared.times(now),
                    give_up: now + UNKNOWN_DEADLINE,
                };
                self.refuse(read, Some(address), &refusal);
            }
            _ => self.complete(read, Completion::Silent),
        }
        if let Some(suppressed) = self.state.throttles.malformed.pass(now) {
            self.actions.events.push(Event::Malformed {
                partition: record.partition,
                offset: record.offset,
                reason: malformed.reason,
                suppressed,
            });
        }
    }

    /// There is no room for a command that could be run.
    #[cold]
    pub(super) fn shed(&mut self, arrival: &Arrival<'_>, address: Address, deadline: Instant) {
        let capacity = self.env.shared.limits.capacity;
        let message = format!(
            "the server is full: it takes {} commands, and {} bytes of arguments that wait; try \
             again later, raise its `queue_limit`, or start more servers",
            capacity.commands, capacity.bytes
        );
        let refusal = Refusal {
            call_id: arrival.command.call_id,
            attempt: arrival.command.attempt,
            code: Code::ResourceExhausted,
            message: &message,
            retry_after_ms: Some(RETRY_AFTER_MS),
            times: self.env.shared.times(arrival.read_at),
            give_up: deadline,
        };
        self.refuse(arrival.record, Some(address), &refusal);
    }

    /// A command asks for its reply where none may be sent, and so gets none.
    #[cold]
    pub(super) fn forbid(&mut self, arrival: &Arrival<'_>) {
        if let Some(address) = arrival.command.reply_to {
            self.env.shared.counters.refuse(Code::PermissionDenied);
            let throttle = &mut self.state.throttles.forbidden;
            if let Some(suppressed) = throttle.pass(arrival.read_at) {
                self.actions.events.push(Event::Forbidden {
                    call_id: arrival.command.call_id,
                    topic: address.topic.to_owned(),
                    partition: address.partition,
                    suppressed,
                });
            }
        }
        self.complete(arrival.record, Completion::Silent);
    }

    /// Counts a refusal, and tells the caller if it waits for a reply.
    pub(super) fn refuse(
        &mut self,
        record: RecordRef,
        reply_to: Option<Address>,
        refusal: &Refusal<'_>,
    ) {
        self.env.shared.counters.refuse(refusal.code);
        let server = &self.env.shared.server_id;
        let completion = refusal.completion(server, reply_to, record.first_delivery);
        self.complete(record, completion);
    }
}
