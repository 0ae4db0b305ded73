//! Turns commands away that can't be run, and tells their callers why wherever a reply may go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Code;
use crate::server::admit::intake::Arrival;
use crate::server::admit::judge::Address;
use crate::server::complete::encode::{self as replies, Heading};
use crate::server::complete::offsets::Ticket;
use crate::server::complete::outbox::Outgoing;
use crate::server::group::member::{Effects, Member, State};
use crate::server::observe::events::Event;
use crate::server::observe::stats::count;
use crate::transport::Incoming;
use crate::wire::{CallId, Malformed, StageTimes};

/// How long a reply is worth sending to a caller whose deadline isn't known.
const STRANGER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a caller is asked to wait before it tries a server again that was full.
const RETRY_AFTER_MS: u32 = 250;

/// What the caller is told.
struct Refusal<'a> {
    call_id: CallId,
    attempt: u32,
    code: Code,
    message: &'a str,
    retry_after_ms: Option<u32>,
    /// Nobody waits for it after this.
    give_up: Instant,
}

impl Member {
    /// A command can't be run for what it says; its deadline may be a part of that.
    #[cold]
    pub(in crate::server) fn refuse_for_good(
        self: &Arc<Self>,
        state: &mut State,
        arrival: &Arrival<'_>,
        reply_to: Option<Address>,
        code: Code,
        problem: String,
        effects: &mut Effects,
    ) {
        let call_id = arrival.command.call_id;
        let refusal = Refusal {
            call_id,
            attempt: arrival.command.attempt,
            code,
            message: &problem,
            retry_after_ms: None,
            give_up: arrival.read_at + STRANGER_PATIENCE,
        };
        self.refuse(state, arrival.ticket, reply_to, &refusal, effects);
        effects.events.push(Event::Refused {
            call_id,
            code,
            problem,
        });
    }

    /// There is no room for a command that could be run.
    #[cold]
    pub(in crate::server) fn refuse_for_now(
        self: &Arc<Self>,
        state: &mut State,
        arrival: &Arrival<'_>,
        address: Address,
        deadline: Instant,
        effects: &mut Effects,
    ) {
        let limits = &self.shared.limits;
        let message = format!(
            "the server is full: it takes {} commands, and {} bytes of arguments that wait; try \
             again later, raise its `queue_limit`, or start more servers",
            limits.commands, limits.bytes
        );
        let refusal = Refusal {
            call_id: arrival.command.call_id,
            attempt: arrival.command.attempt,
            code: Code::ResourceExhausted,
            message: &message,
            retry_after_ms: Some(RETRY_AFTER_MS),
            give_up: deadline,
        };
        self.refuse(state, arrival.ticket, Some(address), &refusal, effects);
    }

    /// A command wants its reply where none may be sent, and so gets none.
    #[cold]
    pub(in crate::server) fn forbid(
        &self,
        state: &mut State,
        arrival: &Arrival<'_>,
        effects: &mut Effects,
    ) {
        if let Some(address) = arrival.command.reply_to {
            self.shared.counters.refuse(Code::PermissionDenied);
            if let Some(suppressed) = state.throttles.forbidden.pass(arrival.read_at) {
                effects.events.push(Event::Forbidden {
                    call_id: arrival.command.call_id,
                    topic: address.topic.to_owned(),
                    partition: address.partition,
                    suppressed,
                });
            }
        }
        self.settle_in(state, arrival.ticket, effects);
    }

    /// A record is no envelope: its caller is told, if it can be found.
    #[cold]
    pub(in crate::server) fn malformed(
        self: &Arc<Self>,
        state: &mut State,
        ticket: Ticket,
        record: &Incoming<'_>,
        malformed: Malformed<'_>,
        now: Instant,
        effects: &mut Effects,
    ) {
        count(&self.shared.counters.malformed);
        let address = malformed
            .reply_to
            .and_then(|address| self.admission.salvaged(address));
        match (malformed.call_id, address) {
            (Some(call_id), Some(address)) => {
                let refusal = Refusal {
                    call_id,
                    attempt: 1,
                    code: malformed.code,
                    message: &malformed.reason,
                    retry_after_ms: None,
                    give_up: now + STRANGER_PATIENCE,
                };
                self.refuse(state, ticket, Some(address), &refusal, effects);
            }
            _ => self.settle_in(state, ticket, effects),
        }
        if let Some(suppressed) = state.throttles.malformed.pass(now) {
            effects.events.push(Event::Malformed {
                partition: record.partition,
                offset: record.offset,
                reason: malformed.reason,
                suppressed,
            });
        }
    }

    /// Counts a refusal, and tells the caller if it waits for a reply.
    fn refuse(
        self: &Arc<Self>,
        state: &mut State,
        ticket: Ticket,
        reply_to: Option<Address>,
        refusal: &Refusal<'_>,
        effects: &mut Effects,
    ) {
        self.shared.counters.refuse(refusal.code);
        let Some(address) = reply_to else {
            return self.settle_in(state, ticket, effects);
        };
        let heading = Heading {
            call_id: refusal.call_id,
            server: &self.shared.server_id,
            times: StageTimes::default(),
            attempt: refusal.attempt,
        };
        let value = heading.error(
            refusal.code,
            replies::not_started(state.partitions.is_fresh(ticket)),
            refusal.message,
            refusal.retry_after_ms,
        );
        effects.sends.push(Outgoing::new(
            Arc::clone(self),
            ticket,
            refusal.call_id,
            address,
            value,
            refusal.give_up,
        ));
    }
}
