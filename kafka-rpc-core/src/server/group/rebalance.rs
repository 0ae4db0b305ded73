//! Gains and loses partitions, and ends what runs too long.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::call::context::Reason;
use crate::server::complete::outbox::Outbox;
use crate::server::execute::run::arm;
use crate::server::group::member::{Effects, Live, Member, State};
use crate::server::observe::events::Event;
use crate::transport::{Assigned, GroupSink, Incoming, Release, Tick, TransportError, Work};
use crate::util::sync::{Mutex, lock};

/// How long after a resumption it tells nothing that no record is there.
const CATCH_UP: Duration = Duration::from_secs(1);

impl Member {
    fn assigned(self: &Arc<Self>, partitions: &[Assigned]) {
        let now = self.shared.clock.now();
        let mut effects = Effects::default();
        {
            let state = &mut *lock(&self.state);
            for assigned in partitions {
                // It may still be owned, if the transport tells a loss late or not at all.
                self.discard(state, &[assigned.partition]);
                self.abandon(state, &[assigned.partition], &mut effects);
                state.partitions.assign(*assigned, now);
            }
        }
        let numbers = partitions.iter().map(|assigned| assigned.partition);
        effects.events.push(Event::Assigned(numbers.collect()));
        self.apply(effects);
    }

    /// What hasn't been started is left to the next owner; what runs may go on for the grace period.
    fn revoked(self: &Arc<Self>, partitions: &[u32], release: Release) {
        // What is to be released waits for these.
        self.shared.outbox.release();
        let release = Arc::new(Mutex::new(release));
        let now = self.shared.clock.now();
        let mut effects = Effects::default();
        {
            let state = &mut *lock(&self.state);
            self.discard(state, partitions);
            let mut draining = Vec::new();
            for &partition in partitions {
                let Some(before) = state.partitions.generation(partition) else {
                    continue;
                };
                match state.partitions.revoke(partition, &release) {
                    Some(generation) => draining.push((partition, generation)),
                    None => state.dedupe.forget(|key| key.generation == before),
                }
            }
            effects.events.push(Event::Revoked {
                partitions: partitions.to_vec(),
                draining: draining.len(),
            });
            if !draining.is_empty() {
                let at = now + self.shared.limits.grace;
                let number = state.starts;
                state.starts += 1;
                state.graces.insert((at, number), draining);
                arm(state, at, &mut effects);
            }
            self.start_ready(state, now, &mut effects);
        }
        effects.releases.push(release);
        self.apply(effects);
    }

    fn lost(self: &Arc<Self>, partitions: &[u32]) {
        let now = self.shared.clock.now();
        let mut effects = Effects::default();
        {
            let state = &mut *lock(&self.state);
            self.discard(state, partitions);
            self.abandon(state, partitions, &mut effects);
            self.start_ready(state, now, &mut effects);
        }
        effects.events.push(Event::Lost(partitions.to_vec()));
        self.apply(effects);
    }

    /// Nothing is started or answered from now on that hasn't been.
    pub(in crate::server) fn stop_starting(&self) {
        lock(&self.state).stopping = true;
    }

    /// How many handlers had to be stopped at the end of a grace period.
    pub(in crate::server) fn stopped_handlers(&self) -> u64 {
        lock(&self.state).stopped_handlers
    }

    /// Gives up all partitions at once, whatever runs.
    pub(in crate::server) fn abandon_all(self: &Arc<Self>) {
        let mut effects = Effects::default();
        {
            let state = &mut *lock(&self.state);
            let partitions = state.partitions.all();
            self.discard(state, &partitions);
            self.abandon(state, &partitions, &mut effects);
        }
        self.apply(effects);
    }

    /// Takes out what waits of these partitions, uncommitted and unanswered.
    fn discard(&self, state: &mut State, partitions: &[u32]) {
        for job in state.schedule.discard(partitions) {
            state.queued_bytes -= job.size;
            state.partitions.give_up(job.ticket);
        }
        let State {
            parked,
            partitions: owned,
            ..
        } = state;
        parked.retain(|parked| {
            let stays = !partitions.contains(&parked.ticket.partition);
            if !stays {
                owned.give_up(parked.ticket);
            }
            stays
        });
    }

    /// Stops everything of these partitions, and lets them go. Returns how many handlers that
    /// stopped.
    fn abandon(&self, state: &mut State, partitions: &[u32], effects: &mut Effects) -> u64 {
        let mut stopped = 0;
        for &partition in partitions {
            let Some(generation) = state.partitions.generation(partition) else {
                continue;
            };
            for (key, live) in state.dedupe.all_in_progress() {
                if let Live::Running(context) = live
                    && key.generation == generation
                {
                    stopped += 1;
                    effects
                        .interrupts
                        .push((context.clone(), Reason::Abandoned));
                }
            }
            state.dedupe.forget(|key| key.generation == generation);
            effects.releases.extend(state.partitions.remove(partition));
        }
        stopped
    }

    /// Ends what is due, and says when the next is.
    fn tick(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut effects = Effects::default();
        let next = {
            let state = &mut *lock(&self.state);
            while let Some(first) = state.deadlines.first_entry()
                && first.key().0 <= now
            {
                effects.interrupts.push((first.remove(), Reason::Deadline));
            }
            while let Some(first) = state.graces.first_entry()
                && first.key().0 <= now
            {
                let mut due = first.remove();
                // Those that were drained in time are owned no longer, or in a later generation.
                due.retain(|&(partition, generation)| {
                    state.partitions.generation(partition) == Some(generation)
                });
                if !due.is_empty() {
                    let partitions: Vec<u32> = due.iter().map(|due| due.0).collect();
                    state.stopped_handlers += self.abandon(state, &partitions, &mut effects);
                    effects.events.push(Event::GraceOver { partitions });
                }
            }
            let deadline = state.deadlines.first_key_value().map(|(key, _)| key.0);
            let grace = state.graces.first_key_value().map(|(key, _)| key.0);
            state.armed = [deadline, grace].into_iter().flatten().min();
            state.armed
        };
        self.apply(effects);
        next
    }
}

/// A member's sink. It holds the member weakly, since the member holds its membership.
pub(in crate::server) struct GroupRelay(pub(in crate::server) Weak<Member>);

impl GroupSink for GroupRelay {
    fn assigned(&self, partitions: &[Assigned]) {
        if let Some(member) = self.0.upgrade() {
            member.assigned(partitions);
        }
    }

    fn revoked(&self, partitions: &[u32], release: Release) {
        if let Some(member) = self.0.upgrade() {
            member.revoked(partitions, release);
        }
    }

    fn lost(&self, partitions: &[u32]) {
        if let Some(member) = self.0.upgrade() {
            member.lost(partitions);
        }
    }

    fn record(&self, record: Incoming<'_>) -> Option<Box<dyn Work>> {
        Some(self.0.upgrade()?.record(&record)?)
    }

    fn flush(&self) {
        if let Some(member) = self.0.upgrade() {
            member.shared.outbox.release();
        }
    }

    fn idle(&self) {
        if let Some(member) = self.0.upgrade() {
            let now = member.shared.clock.now();
            let state = &mut *lock(&member.state);
            // A paused member reads nothing, whatever waits for it, and a resumed one has to fetch
            // that first.
            let resumed = state
                .resumed
                .is_some_and(|at| now.saturating_duration_since(at) < CATCH_UP);
            if !state.full && !resumed {
                state.idle = Some(now);
            }
        }
    }

    fn trouble(&self, error: TransportError) {
        if let Some(member) = self.0.upgrade() {
            let mut effects = Effects::default();
            effects.events.push(Event::Trouble(error));
            member.apply(effects);
        }
    }
}

/// The server's alarm: ends what runs too long, and sends again what failed.
pub(in crate::server) struct ServerTick {
    pub(in crate::server) outbox: Weak<Outbox>,
    pub(in crate::server) members: Vec<Weak<Member>>,
}

impl Tick for ServerTick {
    fn tick(&self, now: Instant) -> Option<Instant> {
        let again = self.outbox.upgrade().and_then(|outbox| outbox.tick(now));
        self.members
            .iter()
            .filter_map(Weak::upgrade)
            .filter_map(|member| member.tick(now))
            .chain(again)
            .min()
    }
}
