//! One group member: locks its state, makes a transition, and carries out what that leads to.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;

use super::actions::Actions;
use super::env::{Env, Shared};
use super::state::{State, Transition};
use crate::Service;
use crate::call::Context;
use crate::server::admit::judge::Admission;
use crate::server::calls::duplicates::memory::{Bounds, Memory};
use crate::server::complete::offsets::RecordRef;
use crate::server::complete::outbox::Backlog;
use crate::server::complete::{Completion, Settle};
use crate::server::execute::run::{End, Owner, Run};
use crate::transport::Membership;
use crate::util::lock_order::{MEMBER_PAUSED, MEMBER_STATE};
use crate::util::sync::{Mutex, lock};

/// A member of one group, on one topic.
pub(crate) struct Member {
    pub(crate) env: Env,
    state: Mutex<State, MEMBER_STATE>,
    /// Whether the member is paused, as the transport was told. Held while it is told, so that a
    /// pause and a resume of two threads can't overtake each other.
    paused: Mutex<bool, MEMBER_PAUSED>,
}

impl Member {
    pub(crate) fn new(
        shared: Arc<Shared>,
        group: String,
        topic: &str,
        admission: Admission,
    ) -> Self {
        let ended = Box::new(Memory::new(Bounds::default()));
        Self {
            state: Mutex::new(State::new(shared.limits.concurrency, ended)),
            env: Env::new(shared, group, topic, admission),
            paused: Mutex::new(false),
        }
    }

    /// Gives it its membership, whose sink leads to it.
    pub(crate) fn joined(&self, membership: Arc<dyn Membership>) {
        self.env.joined(Arc::clone(&membership));
        // Records may come before `join` is done: what they wanted of the membership is made up for.
        membership.progressed();
        self.steer();
    }

    /// How many commands wait, and how many run.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.queue.queued(), state.queue.running())
    }

    /// The partitions that it owns.
    pub(super) fn owned(&self) -> Vec<u32> {
        lock(&self.state).offsets.all()
    }

    /// Of each partition its assignment, and the lowest offset that is known and isn't settled.
    pub(super) fn fronts(&self) -> Vec<(u32, u64, Option<i64>)> {
        lock(&self.state).offsets.fronts().collect()
    }

    /// How many handlers had to be stopped at the end of a grace period.
    pub(crate) fn stopped_handlers(&self) -> u64 {
        lock(&self.state).stopped_handlers
    }

    /// Makes a transition, and carries out what it leads to; returns what the caller's thread has to
    /// run.
    pub(super) fn transition(
        self: &Arc<Self>,
        make: impl FnOnce(&mut Transition<'_>),
    ) -> Option<Box<Run>> {
        let mut actions = Actions::default();
        self.transition_into(&mut actions, make);
        self.carry_out(&mut actions)
    }

    /// Makes a transition, and notes what it leads to.
    pub(super) fn transition_into(
        &self,
        actions: &mut Actions,
        make: impl FnOnce(&mut Transition<'_>),
    ) {
        let state = &mut *lock(&self.state);
        make(&mut Transition {
            env: &self.env,
            state,
            actions,
        });
        if state.handed_over.is_waited_for() {
            let handlers = state.queue.running();
            let done = state
                .handed_over
                .done(handlers, self.env.shared.clock.now());
            actions.handed_over.extend(done);
        }
    }

    /// Carries out what had to wait until the state was unlocked; returns what the caller's thread has
    /// to run.
    pub(super) fn carry_out(self: &Arc<Self>, actions: &mut Actions) -> Option<Box<Run>> {
        let inline = actions.inline.take().map(|start| {
            Box::new(Run {
                owner: Arc::clone(self) as _,
                start,
            })
        });
        // Most have nothing but what runs on this thread.
        if !actions.is_quiet() {
            self.carry_out_all(actions);
        }
        inline
    }

    /// The order matters:
    ///
    /// 1. Log lines come first, since what follows may log its own consequences.
    /// 2. Handlers are stopped before others are started, which may want what they hold.
    /// 3. Handlers are started before replies go out: a reply wakes its caller, and the new
    ///    handlers shouldn't wait for the producer.
    /// 4. The alarm is set after that, since it may ring at once.
    /// 5. The transport is told to pause or to resume, and topics are looked up, when the member
    ///    holds what it is going to hold.
    /// 6. Who waits for the end of all that was handed over hears of it last.
    ///
    /// What runs inline comes after all of this, by the caller: it is user code, and may take long. The
    /// reply of a handler that has just ended is the exception: it goes out before all of this.
    fn carry_out_all(self: &Arc<Self>, actions: &mut Actions) {
        for event in actions.events.drain(..) {
            event.emit(&self.env.group, &self.env.topic);
        }
        for (context, reason) in actions.interrupts.drain(..) {
            context.interrupt().fire(reason);
        }
        for start in actions
            .start
            .take()
            .into_iter()
            .chain(actions.starts.drain(..))
        {
            let owner = Arc::clone(self) as _;
            Box::new(Run { owner, start }).spawn();
        }
        for (record, completion) in actions.completions.drain(..) {
            self.complete(record, completion);
        }
        for report in &actions.reports {
            self.report(report);
        }
        if let Some(at) = actions.wake_by {
            self.wake_by(at);
        }
        if actions.flow {
            self.steer();
        }
        if actions.look_up {
            self.look_up();
        }
        actions.handed_over.clear();
    }

    /// Brings what ends a command to the log.
    pub(super) fn complete(self: &Arc<Self>, record: RecordRef, completion: Completion) {
        let owner = Arc::clone(self) as _;
        self.env.shared.complete.complete(owner, record, completion);
    }

    /// Pauses or resumes the member, as its backpressure says.
    fn steer(&self) {
        let Some(membership) = self.env.membership() else {
            return;
        };
        let mut paused = lock(&self.paused);
        let full = lock(&self.state).flow.is_full();
        if full != *paused {
            *paused = full;
            if full {
                membership.pause();
            } else {
                membership.resume();
            }
        }
    }
}

impl Settle for Member {
    fn settle(self: Arc<Self>, records: &mut dyn Iterator<Item = RecordRef>) {
        self.transition(|transition| {
            for record in records {
                transition.settle(record);
            }
            if transition.state.flow.is_full() {
                transition.read_on();
            }
        });
    }

    fn leave(self: Arc<Self>, record: RecordRef) {
        self.transition(|transition| {
            let calls = &mut transition.state.handed_over;
            calls.end(record.partition, record.offset);
        });
    }

    fn wake_by(&self, at: Instant) {
        if let Some(alarm) = self.env.shared.alarm.get() {
            alarm.ring_by(at);
        }
    }

    fn backlog(&self) -> &Backlog {
        &self.env.backlog
    }
}

impl Owner for Member {
    fn runtime(&self) -> &Handle {
        &self.env.shared.runtime
    }

    fn now(&self) -> Instant {
        self.env.shared.clock.now()
    }

    fn service(&self, index: usize) -> Arc<dyn Service> {
        Arc::clone(&self.env.admission.services[index].service)
    }

    fn inline_returned(&self) {
        self.env.inline_returned();
    }

    fn goes_on(&self, context: &Context) -> u64 {
        let (number, wake_by) = lock(&self.state).timers.handler_started(context);
        if let Some(at) = wake_by {
            self.wake_by(at);
        }
        number
    }

    fn ended(self: Arc<Self>, run: Box<Run>, end: End) {
        self.handler_ended(run, end);
    }
}
