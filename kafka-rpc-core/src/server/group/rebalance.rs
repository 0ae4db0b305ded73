//! Gains and loses partitions.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::member::Member;
use super::state::{Transition, key};
use crate::call::Reason;
use crate::server::calls::live::Live;
use crate::server::observe::events::Event;
use crate::transport::{Assigned, Release};
use crate::util::sync::Mutex;

impl Member {
    pub(super) fn assigned(self: &Arc<Self>, partitions: &[Assigned]) {
        let now = self.env.shared.clock.now();
        self.transition(|transition| {
            for assigned in partitions {
                // It may still be owned, if the transport tells a loss late or not at all.
                transition.discard(&[assigned.partition]);
                transition.abandon(&[assigned.partition]);
                transition.state.offsets.assign(*assigned, now);
            }
            let numbers = partitions.iter().map(|assigned| assigned.partition);
            let event = Event::Assigned(numbers.collect());
            transition.actions.events.push(event);
        });
    }

    pub(super) fn revoked(self: &Arc<Self>, partitions: &[u32], release: Release) {
        self.give_back(partitions, release, |partitions, draining| Event::Revoked {
            partitions,
            draining,
        });
    }

    /// Drains all partitions, as if they were taken away, while the member still owns them: it stays in
    /// its group, and hears of cancels, until this is done.
    pub(crate) fn drain(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let partitions = self.owned();
        let (sender, drained) = oneshot::channel::<()>();
        let release = Release::new(move || drop(sender));
        self.give_back(&partitions, release, |partitions, draining| {
            Event::Draining {
                partitions,
                draining,
            }
        });
        async move { drop(drained.await) }
    }

    /// What hasn't been started is left to the next owner; what runs may go on for the grace period.
    fn give_back(
        self: &Arc<Self>,
        partitions: &[u32],
        release: Release,
        event: impl FnOnce(Vec<u32>, usize) -> Event,
    ) {
        // What is to be let go waits for these.
        self.env.shared.complete.release();
        let release = Arc::new(Mutex::new(release));
        let now = self.env.shared.clock.now();
        self.transition(|transition| {
            transition.discard(partitions);
            let state = &mut *transition.state;
            let mut draining = Vec::new();
            for &partition in partitions {
                if state.offsets.generation(partition).is_none() {
                    continue;
                }
                match state.offsets.revoke(partition, &release) {
                    Some(generation) => draining.push((partition, generation)),
                    None => state.ended.forget(partition),
                }
            }
            let event = event(partitions.to_vec(), draining.len());
            transition.actions.events.push(event);
            if !draining.is_empty() {
                let at = now + transition.env.shared.limits.grace;
                let wake_by = state.timers.grace_began(at, draining);
                transition.actions.wake_by(wake_by);
            }
            transition.start_ready(now);
            transition.actions.releases.push(release);
        });
    }

    pub(super) fn lost(self: &Arc<Self>, partitions: &[u32]) {
        let now = self.env.shared.clock.now();
        self.transition(|transition| {
            transition.discard(partitions);
            transition.abandon(partitions);
            transition.start_ready(now);
            let event = Event::Lost(partitions.to_vec());
            transition.actions.events.push(event);
        });
    }

    /// Gives up all partitions at once, whatever runs.
    pub(crate) fn abandon_all(self: &Arc<Self>) {
        self.transition(|transition| {
            let partitions = transition.state.offsets.all();
            transition.discard(&partitions);
            transition.abandon(&partitions);
        });
    }

    /// Ends what is due, and says when the next is.
    pub(super) fn tick(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut next = None;
        self.transition(|transition| {
            transition.end_due(now);
            next = transition.state.timers.rearm();
        });
        next
    }
}

impl Transition<'_> {
    /// Takes out what waits of these partitions, uncommitted and unanswered.
    fn discard(&mut self, partitions: &[u32]) {
        let state = &mut *self.state;
        for job in state.queue.discard(partitions) {
            state.flow.unqueued(job.size);
            let record = job.origin.record;
            // It is read again, perhaps by this member, and must not count as a duplicate then.
            let key = key(job.request.id, &job.origin);
            state.live.end(&key, record.generation);
            state.offsets.leave(record);
        }
        for record in state.pending_lookup.discard(partitions) {
            state.offsets.leave(record);
        }
    }

    /// Stops everything of these partitions, and lets them go. Returns how many handlers that
    /// stopped.
    fn abandon(&mut self, partitions: &[u32]) -> u64 {
        let mut stopped = 0;
        for &partition in partitions {
            if self.state.offsets.generation(partition).is_none() {
                continue;
            }
            for live in self.state.live.take(partition) {
                if let Live::Running(context) = live {
                    stopped += 1;
                    let interrupt = (context, Reason::Abandoned);
                    self.actions.interrupts.push(interrupt);
                }
            }
            self.state.ended.forget(partition);
            let release = self.state.offsets.remove(partition);
            self.actions.releases.extend(release);
        }
        stopped
    }

    /// Stops the handlers whose deadlines have passed, and abandons what has outlasted its grace.
    fn end_due(&mut self, now: Instant) {
        let due = self.state.timers.due(now);
        self.actions.look_up |= due.look_up;
        let overdue = due.deadlines.into_iter();
        self.actions
            .interrupts
            .extend(overdue.map(|context| (context, Reason::Deadline)));
        for mut draining in due.graces {
            // Those that were drained in time are owned no longer, or in a later generation.
            draining.retain(|&(partition, generation)| {
                self.state.offsets.generation(partition) == Some(generation)
            });
            if !draining.is_empty() {
                let partitions: Vec<u32> =
                    draining.iter().map(|(partition, _)| *partition).collect();
                self.state.stopped_handlers += self.abandon(&partitions);
                self.actions.events.push(Event::GraceOver { partitions });
            }
        }
    }
}
