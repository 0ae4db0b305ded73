//! Takes records in, on the transport's own thread: judges them and queues what can be run.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::call::context::{Context, Inner, Interrupt};
use crate::server::admit::clock_skew::age_ms;
use crate::server::admit::judge::{Admitted, Verdict};
use crate::server::calls::duplicates::memory::Known;
use crate::server::complete::offsets::Ticket;
use crate::server::complete::outbox::Outgoing;
use crate::server::group::member::{CallKey, Effects, Job, Live, Member, Run, State};
use crate::server::observe::events::Event;
use crate::server::observe::stats::count;
use crate::transport::{Headers, Incoming};
use crate::util::sync::lock;
use crate::wire::limits::{MAX_METADATA_BYTES, MAX_METADATA_ENTRIES};
use crate::wire::{self, Command, Envelope};

/// How far off a client's clock may be without a warning.
const SKEW_MS: u64 = 5_000;
/// A reply bears its command's timestamp if that is so far from the server's clock: a broker refuses
/// what a server whose clock is far ahead would write.
const SAME_CLOCK_MS: u64 = 60_000;

/// The timestamp of the reply to a command with this one, which is read now.
const fn reply_ms(command_ms: i64, now_ms: i64) -> i64 {
    if command_ms > 0 && now_ms.abs_diff(command_ms) > SAME_CLOCK_MS {
        command_ms
    } else {
        now_ms
    }
}

/// A command, with what is known of its record.
pub(in crate::server) struct Arrival<'a> {
    pub(in crate::server) ticket: Ticket,
    pub(in crate::server) command: &'a Command<'a>,
    /// The whole record value.
    pub(in crate::server) value: &'a [u8],
    pub(in crate::server) headers: Vec<(String, Vec<u8>)>,
    pub(in crate::server) timestamp_ms: i64,
    pub(in crate::server) read_at: Instant,
    /// The same by the wall clock, in microseconds since the Unix epoch.
    pub(in crate::server) read_at_us: i64,
    /// Whether it was parked before.
    pub(in crate::server) again: bool,
}

impl Member {
    /// A record was read. Never blocks, and runs no user code but the `tracing` subscriber.
    pub(in crate::server) fn record(self: &Arc<Self>, record: &Incoming<'_>) -> Option<Box<Run>> {
        let read_at = self.shared.clock.now();
        let read_at_us = self.shared.clock.wall_us_at(read_at);
        let envelope = record.value.map(wire::decode);
        let headers = match envelope {
            Some(Ok(Envelope::Command(_))) => collect(record.headers),
            _ => Vec::new(),
        };
        let mut effects = Effects::default();
        'taken: {
            let state = &mut *lock(&self.state);
            // What isn't even noted as read stays uncommitted, for the next owner.
            if state.stopping {
                if let Some(Ok(Envelope::Cancel(cancel))) = envelope {
                    self.cancel_running(state, record.partition, &cancel, &mut effects);
                }
                break 'taken;
            }
            let reply_ms = reply_ms(record.timestamp_ms, read_at_us / 1_000);
            let read = state
                .partitions
                .read(record.partition, record.offset, reply_ms);
            let Some(ticket) = read else {
                break 'taken;
            };
            count(&self.shared.counters.received);
            self.hold_back(state, read_at, &mut effects);
            match envelope {
                Some(Ok(Envelope::Command(ref command))) => {
                    let arrival = Arrival {
                        ticket,
                        command,
                        value: record.value.unwrap_or_default(),
                        headers,
                        timestamp_ms: record.timestamp_ms,
                        read_at,
                        read_at_us,
                        again: false,
                    };
                    self.consider(state, arrival, &mut effects);
                }
                Some(Ok(Envelope::Cancel(cancel))) => {
                    self.cancel(state, ticket, &cancel, read_at, &mut effects);
                }
                Some(Ok(Envelope::Reply(_))) => {
                    count(&self.shared.counters.foreign);
                    self.settle_in(state, ticket, &mut effects);
                }
                Some(Err(malformed)) => {
                    self.malformed(state, ticket, record, malformed, read_at, &mut effects);
                }
                None => {
                    count(&self.shared.counters.malformed);
                    self.settle_in(state, ticket, &mut effects);
                }
            }
        }
        self.apply(effects)
    }

    /// Stops the reading while too many replies can't be brought to the log: nothing else bounds
    /// them, since their commands have run.
    fn hold_back(&self, state: &mut State, now: Instant, effects: &mut Effects) {
        let limits = &self.shared.limits;
        if !state.full && self.unsent.exceeds(limits.commands, limits.bytes) {
            state.full = true;
            effects.flow = true;
            if let Some(suppressed) = state.throttles.clogged.pass(now) {
                effects.events.push(Event::Clogged { suppressed });
            }
        }
    }

    /// Judges a command, and queues it if it can be run.
    pub(in crate::server) fn consider(
        self: &Arc<Self>,
        state: &mut State,
        arrival: Arrival<'_>,
        effects: &mut Effects,
    ) {
        let Arrival {
            ticket, command, ..
        } = arrival;
        let counters = &self.shared.counters;
        let age_ms = self.age_ms(state, &arrival, effects);
        let verdict = self.admission.judge(command, arrival.value.len(), age_ms);
        let admitted = match verdict {
            Verdict::Admitted(admitted) => admitted,
            Verdict::Expired => {
                count(&counters.expired);
                effects.events.push(Event::Expired {
                    call_id: command.call_id,
                    age_ms,
                });
                return self.settle_in(state, ticket, effects);
            }
            Verdict::Elsewhere => {
                count(&counters.foreign);
                return self.settle_in(state, ticket, effects);
            }
            Verdict::UnknownPartition if self.park(state, &arrival, effects) => return,
            Verdict::Forbidden | Verdict::UnknownPartition => {
                return self.forbid(state, &arrival, effects);
            }
            Verdict::Refused(reply_to, code, problem) => {
                return self.refuse_for_good(state, &arrival, reply_to, code, problem, effects);
            }
        };
        self.admit(state, arrival, admitted, effects);
    }

    /// Queues a command that can be run, unless it is known already or there is no room for it.
    fn admit(
        self: &Arc<Self>,
        state: &mut State,
        arrival: Arrival<'_>,
        admitted: Admitted,
        effects: &mut Effects,
    ) {
        let Arrival {
            ticket,
            command,
            read_at,
            read_at_us,
            ..
        } = arrival;
        let counters = &self.shared.counters;
        let Admitted {
            service,
            method,
            left,
            reply_to,
        } = admitted;
        let key = CallKey {
            generation: ticket.generation,
            service,
            method,
            call_id: command.call_id,
        };
        let deadline = read_at + left;
        match (state.dedupe.known(&key, read_at), &reply_to) {
            (None, _) => {}
            (Some(Known::Ended(Some(reply))), Some(address)) => {
                count(&counters.duplicates);
                effects.sends.push(Outgoing::new(
                    Arc::clone(self),
                    ticket,
                    command.call_id,
                    address.clone(),
                    reply,
                    deadline,
                ));
                return;
            }
            (Some(_), _) => {
                count(&counters.duplicates);
                return self.settle_in(state, ticket, effects);
            }
        }
        if state
            .early_cancels
            .contains(ticket.partition, service, command.call_id, read_at)
        {
            count(&counters.cancelled);
            return self.settle_in(state, ticket, effects);
        }
        let fresh = state.partitions.is_fresh(ticket);
        let headers: usize = arrival
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        let size = command.arguments.len() + command.key.map_or(0, <[u8]>::len) + headers;
        if self.is_full(state, size) {
            if let Some(suppressed) = state.throttles.full.pass(read_at) {
                effects.events.push(Event::Full { suppressed });
            }
            if let Some(address) = reply_to {
                return self.refuse_for_now(state, &arrival, address, deadline, effects);
            }
            // A one-way call can't be refused, and so no more are read for a while.
            if !state.full {
                state.full = true;
                effects.flow = true;
            }
        }
        let descriptor = self.admission.services[service].descriptor;
        let context = Context::new(Inner {
            call_id: command.call_id,
            service: descriptor.name,
            method: descriptor.methods[method].name,
            attempt: command.attempt,
            key: command.key.map(Bytes::copy_from_slice),
            headers: arrival.headers,
            deadline,
            clock: Arc::clone(&self.shared.clock),
            interrupt: Interrupt::default(),
        });
        let job = Job {
            ticket,
            key,
            arguments: state.arena.copy(command.arguments),
            size,
            reply_to,
            context,
            read_at,
            read_at_us,
            fresh,
        };
        let lane = self
            .shared
            .limits
            .ordering
            .lane(ticket.partition, command.key);
        match state.schedule.start_at_once(lane) {
            Ok(slot) => self.start(state, slot, job, effects),
            Err(lane) => {
                state.queued_bytes += job.size;
                let place = state.schedule.push(ticket.partition, lane, Box::new(job));
                state.dedupe.begin(key, Live::Queued(place));
                self.start_ready(state, read_at, effects);
            }
        }
    }

    /// How old a command seems, by its client's clock as far as that is known.
    fn age_ms(&self, state: &mut State, arrival: &Arrival<'_>, effects: &mut Effects) -> u64 {
        if arrival.timestamp_ms <= 0 {
            // The record has no timestamp, and so nothing tells its age.
            return 0;
        }
        let difference = (arrival.read_at_us / 1_000).saturating_sub(arrival.timestamp_ms);
        let now = arrival.read_at;
        let lag = if arrival.again {
            None
        } else {
            state.partitions.lag(arrival.ticket, state.idle, now)
        };
        let instance = arrival.command.call_id.instance();
        let estimate = state.clocks.observe(instance, difference, lag, now);
        if estimate.unsigned_abs() > SKEW_MS
            && let Some(suppressed) = state.throttles.skew.pass(now)
        {
            count(&self.shared.counters.skew_warnings);
            effects.events.push(Event::Skew {
                client: instance,
                offset_ms: estimate,
                suppressed,
            });
        }
        age_ms(difference, estimate)
    }

    fn is_full(&self, state: &State, bytes: usize) -> bool {
        let limits = &self.shared.limits;
        state.schedule.queued() + state.schedule.running() >= limits.commands
            || state.queued_bytes + bytes > limits.bytes
    }
}

/// A command's headers, as many as the limits allow.
fn collect(headers: &dyn Headers) -> Vec<(String, Vec<u8>)> {
    let mut collected = Vec::new();
    let mut bytes = 0;
    headers.each(&mut |name, value| {
        bytes += name.len() + value.len();
        if collected.len() < MAX_METADATA_ENTRIES && bytes <= MAX_METADATA_BYTES {
            collected.push((name.to_owned(), value.to_vec()));
        }
    });
    collected
}
