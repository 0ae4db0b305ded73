//! Gains and loses partitions.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::member::Member;
use super::report::Report;
use super::state::{Transition, key};
use crate::call::Reason;
use crate::server::calls::elsewhere::LEASE;
use crate::server::calls::live::Live;
use crate::server::observe::events::Event;
use crate::transport::{Assigned, Permission, Progress};

/// How long what runs goes on where its new owner can't be told: that one takes it for dead after
/// [`LEASE`], and runs it again.
const UNREPORTED_GRACE: Duration = LEASE.saturating_sub(Duration::from_secs(1));

impl Member {
    pub(super) fn assigned(self: &Arc<Self>, partitions: &[Assigned]) {
        let own = self.env.shared.executor;
        self.transition(|transition| {
            for assigned in partitions {
                let partition = assigned.partition;
                // It may still be owned, if the transport tells a loss late or not at all.
                transition.discard(&[partition]);
                transition.abandon(&[partition]);
                let state = &mut *transition.state;
                let runs_here = |offset| state.handed_over.contains(partition, offset);
                state.offsets.assign(assigned, own, runs_here);
            }
            let numbers = partitions.iter().map(|assigned| assigned.partition);
            let event = Event::Assigned(numbers.collect());
            transition.actions.events.push(event);
        });
        if let Some(membership) = self.env.membership() {
            membership.progressed();
        }
    }

    /// What hasn't been started is left to the next owner; what runs goes on here, for the grace period
    /// at most.
    pub(super) fn revoked(self: &Arc<Self>, partitions: &[u32]) -> Vec<Progress> {
        // What is to be settled soon waits for these.
        self.env.shared.complete.release();
        let now = self.env.shared.clock.now();
        let mut last = Vec::new();
        self.transition(|transition| {
            transition.discard(partitions);
            let mut running = 0;
            for &partition in partitions {
                let (of_partition, progress) = transition.hand_over(partition, now);
                running += of_partition;
                last.extend(progress);
            }
            transition.start_ready(now);
            let partitions = partitions.to_vec();
            let event = Event::Revoked {
                partitions,
                running,
            };
            transition.actions.events.push(event);
        });
        last
    }

    /// The next owners of these partitions don't know what runs here, and run it again.
    pub(super) fn not_handed_over(self: &Arc<Self>, partitions: &[u32]) {
        self.transition(|transition| {
            for &partition in partitions {
                transition.state.handed_over.forget(partition);
                let owned = transition.state.offsets.generation(partition);
                transition.interrupt(partition, |generation| Some(generation) != owned);
            }
            let event = Event::NotHandedOver(partitions.to_vec());
            transition.actions.events.push(event);
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

    /// What is to be committed.
    pub(super) fn progress(self: &Arc<Self>) -> Vec<Progress> {
        let now = self.env.shared.clock.now();
        let own = self.env.shared.executor;
        let mut progress = Vec::new();
        self.transition(|transition| {
            progress = transition.state.offsets.progress(own);
            transition.heed_notes(now);
        });
        progress
    }

    /// Done when every handler and everything that was handed over has ended, and the new owners can know,
    /// or at `until`.
    pub(crate) fn handed_over(
        self: &Arc<Self>,
        until: Instant,
    ) -> impl Future<Output = ()> + use<> {
        let mut done = None;
        self.transition(|transition| {
            done = Some(transition.state.handed_over.wait(until));
            let wake_by = transition.state.timers.arm(until);
            transition.actions.wake_by(wake_by);
        });
        async move {
            if let Some(done) = done {
                drop(done.await);
            }
        }
    }

    /// Gives up everything at once, whatever runs.
    pub(crate) fn abandon_all(self: &Arc<Self>) {
        self.transition(|transition| {
            let partitions = transition.state.offsets.all();
            transition.discard(&partitions);
            // Also what was handed over, and hasn't had the whole of its grace period.
            for partition in transition.state.live.partitions() {
                transition.state.stopped_handlers += transition.interrupt(partition, |_| true);
            }
            transition.abandon(&partitions);
        });
    }

    /// Does what is due, and says when the next is.
    pub(super) fn tick(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut next = None;
        self.transition(|transition| {
            transition.end_due(now);
            transition.take_back(now);
            let running = transition.state.handed_over.due(now);
            for (partition, running) in running {
                // A partition that is owned again has its own notes.
                if transition.state.offsets.generation(partition).is_none() {
                    let settled = Vec::new();
                    let report = Report {
                        partition,
                        settled,
                        running,
                    };
                    transition.actions.reports.push(report);
                }
            }
            let state = &mut *transition.state;
            let handed_over = &state.handed_over;
            let others = [
                state.elsewhere.next_end(),
                handed_over.report_at(),
                handed_over.waits_until(),
            ];
            next = state.timers.rearm(others.into_iter().flatten().min());
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
            // It is read again, perhaps by this member, and must not count as a duplicate then.
            let key = key(job.request.id, &job.origin);
            state.live.end(&key, job.origin.record.generation);
        }
        state.pending_lookup.discard(partitions);
        for &partition in partitions {
            self.discard_elsewhere(partition);
        }
    }

    /// Gives a partition up in order. Returns how many calls go on here, and the last commit.
    fn hand_over(&mut self, partition: u32, now: Instant) -> (usize, Option<Progress>) {
        let own = self.env.shared.executor;
        let Some(handed_over) = self.state.offsets.hand_over(partition, own) else {
            return (0, None);
        };
        self.state.ended.forget(partition);
        let running = handed_over.started.len();
        if running == 0 {
            // Nothing runs, or nobody can be told what does.
            self.interrupt(partition, |of| of <= handed_over.generation);
            self.state.handed_over.forget(partition);
            return (0, handed_over.progress);
        }
        let state = &mut *self.state;
        let calls = &mut state.handed_over;
        calls.begin(partition, handed_over.started, now);
        let mut grace = self.env.shared.limits.grace;
        if self.env.may_report() == Permission::Denied {
            grace = grace.min(UNREPORTED_GRACE);
        }
        let graces = state
            .timers
            .grace_began(now + grace, (partition, handed_over.generation));
        let reports = calls.report_at().and_then(|at| state.timers.arm(at));
        self.actions.wake_by(graces);
        self.actions.wake_by(reports);
        (running, handed_over.progress)
    }

    /// Stops everything of these partitions that was started while they were owned, and lets them go.
    fn abandon(&mut self, partitions: &[u32]) {
        for &partition in partitions {
            if let Some(owned) = self.state.offsets.generation(partition) {
                self.interrupt(partition, |generation| generation <= owned);
                self.state.handed_over.forget(partition);
                self.state.ended.forget(partition);
                self.state.offsets.remove(partition);
            }
        }
    }

    /// Stops the handlers of a partition whose commands were read in these generations, and returns how
    /// many that are. Generations grow: one that comes back finds calls of earlier ones.
    fn interrupt(&mut self, partition: u32, is_of: impl Fn(u64) -> bool) -> u64 {
        let mut stopped = 0;
        for live in self.state.live.take(partition, is_of) {
            if let Live::Running(context) = live {
                stopped += 1;
                self.actions.interrupts.push((context, Reason::Abandoned));
            }
        }
        stopped
    }

    /// Stops the handlers whose deadlines have passed, and those that have outlasted their grace.
    fn end_due(&mut self, now: Instant) {
        let due = self.state.timers.due(now);
        self.actions.look_up |= due.look_up;
        let overdue = due.deadlines.into_iter();
        self.actions
            .interrupts
            .extend(overdue.map(|context| (context, Reason::Deadline)));
        for (partition, generation) in due.graces {
            // One that is owned again has another grace period when it is given up again.
            if self.state.offsets.generation(partition).is_some() {
                continue;
            }
            let stopped = self.interrupt(partition, |of| of <= generation);
            if stopped > 0 {
                self.state.stopped_handlers += stopped;
                let event = Event::GraceOver { partition, stopped };
                self.actions.events.push(event);
            }
        }
    }
}
