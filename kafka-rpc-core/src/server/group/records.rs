//! What a record does to a member's state: a command, a cancel, or something else.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::member::Member;
use super::state::Transition;
use crate::call::{Extensions, Request};
use crate::server::admit::age::Age;
use crate::server::admit::arrival::{Arrival, collect, reply_ms};
use crate::server::admit::judge::{Admitted, Verdict};
use crate::server::admit::pending_lookup::Keep;
use crate::server::admit::refuse::{Refusal, UNKNOWN_DEADLINE};
use crate::server::calls::CallKey;
use crate::server::calls::live::Live;
use crate::server::complete::offsets::RecordRef;
use crate::server::complete::origin::{Address, Origin};
use crate::server::complete::{Completion, Reply};
use crate::server::execute::job::Job;
use crate::server::execute::run::Run;
use crate::server::observe::events::Event;
use crate::server::observe::stats::count;
use crate::transport::Incoming;
use crate::wire::{self, Envelope};

impl Member {
    /// A record was read. Never blocks, and runs no user code but the `tracing` subscriber.
    pub(super) fn record(self: &Arc<Self>, record: &Incoming<'_>) -> Option<Box<Run>> {
        let read_at = self.env.shared.clock.now();
        let read_at_us = self.env.shared.clock.wall_us_at(read_at);
        let envelope = record.value.map(wire::decode);
        let headers = match envelope {
            Some(Ok(Envelope::Command(_))) => collect(record.headers),
            _ => Vec::new(),
        };
        self.transition(|transition| {
            // What isn't even noted as read stays uncommitted, for the next owner.
            if transition.state.stopping {
                if let Some(Ok(Envelope::Cancel(cancel))) = envelope {
                    transition.cancel_running(record.partition, &cancel);
                }
                return;
            }
            let Some(read) = transition.read(record, read_at_us / 1_000) else {
                return;
            };
            transition.hold_back(read_at);
            match envelope {
                Some(Ok(Envelope::Command(ref command))) => transition.judge(Arrival {
                    record: read,
                    command,
                    value: record.value.unwrap_or_default(),
                    headers,
                    timestamp_ms: record.timestamp_ms,
                    read_at,
                    read_at_us,
                    looked_up: false,
                }),
                Some(Ok(Envelope::Cancel(cancel))) => transition.cancel(read, &cancel, read_at),
                Some(Ok(Envelope::Reply(_))) => transition.foreign(read),
                Some(Err(malformed)) => transition.malformed(read, record, malformed, read_at),
                None => {
                    count(&transition.env.shared.counters.malformed);
                    transition.complete(read, Completion::Silent);
                }
            }
        })
    }
}

impl Transition<'_> {
    /// Notes that a record was read; `None` if its partition isn't owned.
    fn read(&mut self, record: &Incoming<'_>, now_ms: i64) -> Option<RecordRef> {
        let reply_ms = reply_ms(record.timestamp_ms, now_ms);
        let offsets = &mut self.state.offsets;
        let read = offsets.read(record.partition, record.offset, reply_ms)?;
        count(&self.env.shared.counters.received);
        Some(read)
    }

    /// Stops the reading while too many replies can't be brought to the log: nothing else bounds
    /// them, since their commands have run.
    fn hold_back(&mut self, now: Instant) {
        let capacity = self.env.shared.limits.capacity;
        let state = &mut *self.state;
        if self.env.backlog.exceeds(capacity.commands, capacity.bytes) && state.flow.stop() {
            self.actions.flow = true;
            if let Some(suppressed) = state.throttles.reply_backlog.pass(now) {
                self.actions.events.push(Event::ReplyBacklog { suppressed });
            }
        }
    }

    /// Judges a command, and queues it if it can be run.
    pub(super) fn judge(&mut self, arrival: Arrival<'_>) {
        let (record, command) = (arrival.record, arrival.command);
        let age = self.state.ages.of(&arrival, &self.state.offsets);
        self.warn_of_skew(&arrival, age);
        let verdict = self
            .env
            .admission
            .judge(command, arrival.value.len(), age.ms);
        match verdict {
            Verdict::Admitted(admitted) => self.admit(arrival, admitted),
            Verdict::Expired => {
                count(&self.env.shared.counters.expired);
                self.actions.events.push(Event::Expired {
                    call_id: command.call_id,
                    age_ms: age.ms,
                });
                self.complete(record, Completion::Silent);
            }
            Verdict::Elsewhere => self.foreign(record),
            Verdict::Forbidden => self.forbid(&arrival),
            Verdict::UnknownPartition => match self.state.pending_lookup.keep(&arrival) {
                Keep::Waits => {}
                Keep::LookUp => self.actions.look_up = true,
                Keep::LookUpAt(at) => {
                    let wake_by = self.state.timers.look_up_waits(at);
                    self.actions.wake_by(wake_by);
                }
                Keep::No => self.forbid(&arrival),
            },
            Verdict::Refused(reply_to, code, problem) => {
                let refusal = Refusal {
                    call_id: command.call_id,
                    attempt: command.attempt,
                    code,
                    message: &problem,
                    retry_after_ms: None,
                    // Its deadline may be a part of what is wrong with it.
                    give_up: arrival.read_at + UNKNOWN_DEADLINE,
                };
                self.refuse(record, reply_to, &refusal);
                self.actions.events.push(Event::Refused {
                    call_id: command.call_id,
                    code,
                    problem,
                });
            }
        }
    }

    /// Queues a command that can be run, unless it is known already or there is no room for it.
    fn admit(&mut self, arrival: Arrival<'_>, admitted: Admitted) {
        let (record, command, read_at) = (arrival.record, arrival.command, arrival.read_at);
        let Admitted {
            service,
            method,
            left,
            reply_to,
        } = admitted;
        let key = CallKey {
            call_id: command.call_id,
            partition: record.partition,
            service,
            method,
        };
        let deadline = read_at + left;
        if self.is_duplicate(&key, record, reply_to.as_ref(), deadline, read_at) {
            return count(&self.env.shared.counters.duplicates);
        }
        let early = &self.state.early_cancels;
        if early.contains(record.partition, service, command.call_id, read_at) {
            count(&self.env.shared.counters.cancelled);
            return self.complete(record, Completion::Silent);
        }
        let size = arrival.size();
        if self.is_full(size) {
            if let Some(suppressed) = self.state.throttles.full.pass(read_at) {
                self.actions.events.push(Event::Full { suppressed });
            }
            if let Some(address) = reply_to {
                return self.shed(&arrival, address, deadline);
            }
            // A one-way call can't be refused, and so no more are read for a while.
            self.actions.flow |= self.state.flow.stop();
        }
        let descriptor = self.env.admission.services[service].descriptor;
        let job = Job {
            origin: Origin {
                record,
                service,
                method,
                reply_to,
                read_at,
                read_at_us: arrival.read_at_us,
                first_delivery: self.state.offsets.is_first_delivery(record),
            },
            request: Request {
                id: command.call_id,
                service: descriptor,
                method: &descriptor.methods[method],
                arguments: self.state.blocks.copy(command.arguments).into(),
                key: command.key.map(Bytes::copy_from_slice),
                headers: arrival.headers,
                deadline,
                attempt: command.attempt,
                extensions: Extensions::default(),
            },
            size,
        };
        let ordering = self.env.shared.limits.ordering;
        let lane = ordering.lane(record.partition, command.key);
        match self.state.queue.start_at_once(lane) {
            Ok(slot) => self.start(slot, job),
            Err(lane) => {
                self.state.flow.queued(size);
                let place = self.state.queue.push(record.partition, lane, Box::new(job));
                let live = Live::Queued(place);
                self.state.live.begin(key, record.generation, live);
                self.start_ready(read_at);
            }
        }
    }

    /// Whether the call is live or has ended. One that has ended is answered as it was then; one that
    /// is live is answered by its own reply.
    fn is_duplicate(
        &mut self,
        key: &CallKey,
        record: RecordRef,
        reply_to: Option<&Address>,
        deadline: Instant,
        now: Instant,
    ) -> bool {
        let remembered = if self.state.live.find(key).is_some() {
            None
        } else {
            match self.state.ended.known(key, now) {
                None => return false,
                Some(remembered) => remembered,
            }
        };
        let completion = match remembered.zip(reply_to) {
            None => Completion::Silent,
            Some((value, address)) => Completion::Reply(Reply {
                call_id: key.call_id,
                address: address.clone(),
                value,
                give_up: deadline,
            }),
        };
        self.complete(record, completion);
        true
    }

    fn is_full(&self, bytes: usize) -> bool {
        let capacity = self.env.shared.limits.capacity;
        let queue = &self.state.queue;
        queue.queued() + queue.running() >= capacity.commands
            || self.state.flow.queued_bytes() + bytes > capacity.bytes
    }

    /// A record is none of this member's business.
    fn foreign(&mut self, record: RecordRef) {
        count(&self.env.shared.counters.foreign);
        self.complete(record, Completion::Silent);
    }

    fn warn_of_skew(&mut self, arrival: &Arrival<'_>, age: Age) {
        if let Some(offset_ms) = age.skew_ms
            && let Some(suppressed) = self.state.throttles.skew.pass(arrival.read_at)
        {
            count(&self.env.shared.counters.skew_warnings);
            self.actions.events.push(Event::Skew {
                client: arrival.command.call_id.instance(),
                offset_ms,
                suppressed,
            });
        }
    }
}
