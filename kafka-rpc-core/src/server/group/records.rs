//! What a record does to a member's state: a command, a cancel, or something else.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::member::Member;
use super::state::Transition;
use crate::call::{Extensions, Request};
use crate::server::admit::age;
use crate::server::admit::arrival::{Arrival, collect, reply_ms};
use crate::server::admit::judge::{Admitted, Verdict};
use crate::server::admit::pending_lookup::{Keep, Kept};
use crate::server::admit::refuse::{Refusal, UNKNOWN_DEADLINE};
use crate::server::calls::CallKey;
use crate::server::calls::live::Live;
use crate::server::complete::offsets::RecordRef;
use crate::server::complete::origin::{Address, Origin};
use crate::server::complete::tracker::Read;
use crate::server::complete::{Completion, Reply};
use crate::server::execute::job::Job;
use crate::server::execute::run::Run;
use crate::server::observe::events::Event;
use crate::server::observe::stats::count;
use crate::server::schedule::Lane;
use crate::transport::Incoming;
use crate::wire::{self, Envelope};

impl Member {
    /// A record was read. Never blocks, and runs no user code but the `tracing` subscriber.
    pub(super) fn record(self: &Arc<Self>, record: &Incoming<'_>) -> Option<Box<Run>> {
        let read_at = self.env.shared.clock.now();
        // Replies bear the wall clock as it stands, whatever it was at the start: brokers go by it.
        let wall_us = self.env.shared.clock.wall_us_at(read_at);
        let envelope = record.value.map(wire::decode);
        let headers = match envelope {
            Some(Ok(Envelope::Command(_))) => collect(record.headers),
            _ => Vec::new(),
        };
        self.transition(|transition| {
            let Some((read, known)) = transition.read(record, wall_us / 1_000) else {
                return;
            };
            transition.hold_back(read_at);
            match envelope {
                _ if known == Read::Known => {}
                Some(Ok(Envelope::Command(ref command)))
                    if let Read::Elsewhere(executor) = known =>
                {
                    let kept = Kept {
                        record: read,
                        value: record.value.unwrap_or_default().to_vec(),
                        headers,
                        timestamp_ms: record.timestamp_ms,
                    };
                    transition.runs_elsewhere(executor, command, kept, read_at);
                }
                Some(Ok(Envelope::Command(ref command))) => transition.judge(Arrival {
                    record: read,
                    command,
                    value: record.value.unwrap_or_default(),
                    headers,
                    timestamp_ms: record.timestamp_ms,
                    read_at,
                    looked_up: false,
                    lane: None,
                }),
                Some(Ok(Envelope::Cancel(cancel))) => transition.cancel(read, &cancel, read_at),
                Some(Ok(Envelope::HandOver(told))) => {
                    transition.handed_over(read, &told, read_at);
                }
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
    fn read(&mut self, record: &Incoming<'_>, now_ms: i64) -> Option<(RecordRef, Read)> {
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
        if self.env.backlog.exceeds(capacity.commands, capacity.bytes)
            && self.stop_reading()
            && let Some(suppressed) = self.state.throttles.reply_backlog.pass(now)
        {
            self.actions.events.push(Event::ReplyBacklog { suppressed });
        }
    }

    /// Judges a command, and queues it if it can be run.
    pub(super) fn judge(&mut self, mut arrival: Arrival<'_>) {
        let lane = arrival.lane.take();
        let (record, command) = (arrival.record, arrival.command);
        let admission = &self.env.admission;
        let now = self.env.shared.server_clock.at(arrival.read_at);
        let age = age::of(command.sent, arrival.timestamp_ms, now, admission.allowance);
        let verdict = admission.judge(command, arrival.value.len(), age);
        match verdict {
            Verdict::Admitted(admitted) => return self.admit(arrival, admitted, lane),
            Verdict::Expired { reply_to, age } => self.expire(&arrival, reply_to, age),
            Verdict::Ahead { reply_to, by } => self.ahead(&arrival, reply_to, by),
            Verdict::Probe(reply_to) => self.probed(&arrival, reply_to),
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
                    times: self.env.shared.times(arrival.read_at),
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
        self.vacate(lane);
    }

    /// Whatever occupied this lane doesn't any more.
    pub(super) fn vacate(&mut self, lane: Option<Lane>) {
        if let Some(lane) = lane {
            self.state.queue.vacate(lane);
        }
    }

    /// Queues a command that can be run, unless it is known already or there is no room for it.
    /// `occupied` is what it occupies already.
    fn admit(&mut self, arrival: Arrival<'_>, admitted: Admitted, occupied: Option<Lane>) {
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
            self.vacate(occupied);
            return count(&self.env.shared.counters.duplicates);
        }
        let early = &self.state.early_cancels;
        if early.contains(record.partition, service, command.call_id, read_at) {
            count(&self.env.shared.counters.cancelled);
            self.vacate(occupied);
            return self.complete(record, Completion::Silent);
        }
        let size = arrival.size();
        if self.is_full(size) {
            if let Some(suppressed) = self.state.throttles.full.pass(read_at) {
                self.actions.events.push(Event::Full { suppressed });
            }
            if let Some(address) = reply_to {
                self.vacate(occupied);
                return self.shed(&arrival, address, deadline);
            }
            // A one-way call can't be refused, and so no more are read for a while.
            self.stop_reading();
        }
        let descriptor = self.env.admission.services[service].descriptor;
        let job = Job {
            origin: Origin {
                record,
                service,
                method,
                reply_to,
                read_at,
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
        if occupied.is_some() {
            return self.queue_ahead(key, occupied, job);
        }
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

    /// Queues a command that occupies its lane already, ahead of those that came after it.
    fn queue_ahead(&mut self, key: CallKey, lane: Option<Lane>, job: Job) {
        self.state.flow.queued(job.size);
        let (partition, generation) = (key.partition, job.origin.record.generation);
        let place = self.state.queue.push_ahead(partition, lane, Box::new(job));
        self.state.live.begin(key, generation, Live::Queued(place));
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
}
