//! Starts handlers, and takes what they end with to a reply.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use crate::call::context::{Context, Reason};
use crate::macro_support::{Answer, Failure};
use crate::server::complete::encode::{self as replies, Heading};
use crate::server::complete::outbox::Outgoing;
use crate::server::execute::handler::{Ended, Handling};
use crate::server::group::member::{CallKey, Effects, Job, Live, Member, Run, State};
use crate::server::observe::events::Event;
use crate::server::observe::stats::count;
use crate::server::schedule::Slot;
use crate::util::sync::lock;
use crate::util::throttle;
use crate::wire::StageTimes;
use crate::{Code, Outcome};

impl Member {
    /// Starts as many of the queued commands as may run now.
    pub(in crate::server) fn start_ready(
        self: &Arc<Self>,
        state: &mut State,
        now: Instant,
        effects: &mut Effects,
    ) {
        while !state.stopping
            && let Some((slot, job)) = state.schedule.start()
        {
            if job.context.deadline() <= now {
                state.schedule.finished(slot);
                count(&self.shared.counters.expired);
                effects.events.push(Event::Overslept {
                    call_id: job.context.call_id(),
                    waited: now.saturating_duration_since(job.read_at),
                });
                self.drop_queued(state, &job, now, effects);
                continue;
            }
            state.queued_bytes -= job.size;
            if let Some(live) = state.dedupe.in_progress(&job.key) {
                *live = Live::Running(job.context.clone());
            }
            count(&self.shared.counters.started);
            let number = Some(register(state, &job.context, effects));
            effects.starts.push(Box::new(Run {
                member: Arc::clone(self),
                slot,
                number,
                job: *job,
            }));
        }
        self.read_on(state, now, effects);
    }

    /// Starts a command that needn't wait.
    pub(in crate::server) fn start(
        self: &Arc<Self>,
        state: &mut State,
        slot: Slot,
        job: Job,
        effects: &mut Effects,
    ) {
        let context = job.context.clone();
        state.dedupe.begin(job.key, Live::Running(context.clone()));
        count(&self.shared.counters.started);
        let inline = self.runs_inline(job.key.service, job.key.method);
        // Nothing can stop a handler at its first poll.
        let number = (!inline).then(|| register(state, &context, effects));
        let run = Some(Box::new(Run {
            member: Arc::clone(self),
            slot,
            number,
            job,
        }));
        // Commands that were parked come several at a time; at most one of them is to run inline.
        match (inline, &effects.start) {
            (true, _) => effects.inline = run,
            (false, None) => effects.start = run,
            (false, Some(_)) => effects.starts.extend(run),
        }
    }

    /// Lets a member read on that was too full, if there is room again.
    pub(in crate::server) fn read_on(
        &self,
        state: &mut State,
        now: Instant,
        effects: &mut Effects,
    ) {
        let limits = &self.shared.limits;
        let load = state.schedule.queued() + state.schedule.running();
        if state.full
            && load <= limits.commands / 2
            && state.queued_bytes <= limits.bytes / 2
            && !self.unsent.exceeds(limits.commands / 2, limits.bytes / 2)
        {
            state.full = false;
            state.resumed = Some(now);
            effects.flow = true;
        }
    }

    /// A command that waited won't be run, and needs no reply.
    pub(in crate::server) fn drop_queued(
        &self,
        state: &mut State,
        job: &Job,
        now: Instant,
        effects: &mut Effects,
    ) {
        state.queued_bytes -= job.size;
        state.dedupe.end(job.key, None, now);
        self.settle_in(state, job.ticket, effects);
    }

    /// Counts how a handler ended, and encodes what its caller is told; `None` if it is told
    /// nothing.
    fn reply(&self, job: &Job, ended: Ended, times: StageTimes) -> Option<Vec<u8>> {
        let counters = &self.shared.counters;
        let heading = Heading {
            call_id: job.context.call_id(),
            server: &self.shared.server_id,
            times,
            attempt: job.context.attempt(),
        };
        let wanted = job.reply_to.is_some();
        let refuse = |code, outcome, message: &str| {
            counters.refuse(code);
            wanted.then(|| heading.error(code, outcome, message, None))
        };
        let answer = |counter: &AtomicU64, value, app| {
            count(counter);
            wanted.then(|| {
                heading.answer(value, app).unwrap_or_else(|too_large| {
                    counters.refuse(Code::ReplyTooLarge);
                    too_large
                })
            })
        };
        match ended {
            Ended::Answered(Ok(Answer::Value(value))) => answer(&counters.answered, value, false),
            Ended::Answered(Ok(Answer::App(value))) => answer(&counters.app_errors, value, true),
            Ended::Answered(Err(Failure::Arguments(problem))) => {
                let outcome = replies::not_started(job.fresh);
                let message = format!(
                    "the arguments of `{}.{}` can't be decoded: {problem}",
                    job.context.service(),
                    job.context.method()
                );
                refuse(Code::InvalidArgument, outcome, &message)
            }
            Ended::Answered(Err(Failure::Answer(problem))) => {
                let message = format!(
                    "the answer of `{}.{}` can't be encoded: {problem}",
                    job.context.service(),
                    job.context.method()
                );
                if let Some(suppressed) = throttle::pass(format_args!("{message}")) {
                    warn!(
                        target: "kafka_rpc::server", call_id = %job.context.call_id(),
                        service = job.context.service(), method = job.context.method(),
                        problem, suppressed, "an answer can't be encoded",
                    );
                }
                refuse(Code::Internal, Outcome::Ran, &message)
            }
            Ended::Answered(Err(Failure::Unimplemented)) => {
                let outcome = replies::not_started(job.fresh);
                let message = format!(
                    "service `{}` doesn't run its method `{}`",
                    job.context.service(),
                    job.context.method()
                );
                refuse(Code::Unimplemented, outcome, &message)
            }
            Ended::Panicked(text) => {
                self.report_panic(job, &text);
                let message = format!(
                    "the handler of `{}.{}` panicked; the server's log says more",
                    job.context.service(),
                    job.context.method()
                );
                refuse(Code::Internal, Outcome::Ran, &message)
            }
            Ended::Interrupted(reason) => {
                count(match reason {
                    Reason::Deadline => &counters.overdue,
                    Reason::Cancelled => &counters.cancelled,
                    Reason::Abandoned => &counters.abandoned,
                });
                None
            }
        }
    }

    fn report_panic(&self, job: &Job, text: &str) {
        count(&self.shared.counters.panics);
        error!(
            target: "kafka_rpc::server", call_id = %job.context.call_id(),
            service = job.context.service(), method = job.context.method(), panic = text,
            "a handler panicked",
        );
    }
}

impl Run {
    /// Its handler, which hasn't been polled yet.
    pub(in crate::server) fn handling(&mut self) -> Handling {
        let Job { key, context, .. } = &self.job;
        let service = Arc::clone(&self.member.admission.services[key.service].service);
        let (method, context) = (key.method, context.clone());
        let arguments = std::mem::take(&mut self.job.arguments);
        Handling::new(service, method, arguments, context)
    }

    /// Runs it as a task.
    pub(in crate::server) fn spawn(mut self: Box<Self>) {
        let mut handling = self.handling();
        let runtime = self.member.shared.runtime.clone();
        runtime.spawn(async move {
            let started_at = self.member.shared.clock.now();
            let (ended, panic) = (&mut handling).await;
            self.end(ended, panic, started_at, handling.polls(), false);
        });
    }

    /// Goes on as a task with a handler that waits for something.
    pub(in crate::server) fn go_on_as_task(
        mut self: Box<Self>,
        mut handling: Handling,
        started_at: Instant,
    ) {
        let mut effects = Effects::default();
        {
            let state = &mut *lock(&self.member.state);
            self.number = Some(register(state, &self.job.context, &mut effects));
        }
        let member = Arc::clone(&self.member);
        member.shared.runtime.spawn(async move {
            let (ended, panic) = (&mut handling).await;
            self.end(ended, panic, started_at, handling.polls(), false);
        });
        member.apply(effects);
    }

    /// Its handler has ended: its slot is free, and its reply goes out.
    /// `panic` is the text of one while the handler was dropped; `held`: the reply waits for those to
    /// the commands that come next.
    pub(in crate::server) fn end(
        mut self: Box<Self>,
        ended: Ended,
        panic: Option<String>,
        started_at: Instant,
        polls: u32,
        held: bool,
    ) {
        // Left where it is, and not moved out: it is large, and every call passes through here.
        let (member, job) = (&self.member, &mut self.job);
        let (slot, number) = (self.slot, self.number);
        // It ran where it was read.
        let inline = number.is_none();
        if let Some(text) = panic {
            member.report_panic(job, &text);
        }
        let now = member.shared.clock.now();
        let took = now.saturating_duration_since(started_at);
        let CallKey {
            service, method, ..
        } = job.key;
        member.admission.services[service].paces[method].note(took, polls);
        let times = StageTimes {
            queued_us: if inline {
                0
            } else {
                micros(started_at.saturating_duration_since(job.read_at))
            },
            handler_us: micros(took),
            read_at_us: u64::try_from(job.read_at_us).ok(),
        };
        let reply = member.reply(job, ended, times);
        let deadline = job.context.deadline();
        let mut effects = Effects::default();
        let send = {
            let state = &mut *lock(&member.state);
            if let Some(number) = number {
                state.deadlines.remove(&(deadline, number));
            }
            state.schedule.finished(slot);
            state.dedupe.end(job.key, reply.as_deref(), now);
            let send = reply.zip(job.reply_to.take());
            if send.is_none() {
                // An abandoned one's partition is gone, and so this doesn't commit it.
                member.settle_in(state, job.ticket, &mut effects);
            }
            member.start_ready(state, now, &mut effects);
            send
        };
        if let Some((value, address)) = send {
            // Each request costs a broker as much as a hundred replies do.
            if held {
                member.shared.outbox.hold();
            }
            member.shared.outbox.send(Outgoing::new(
                Arc::clone(member),
                job.ticket,
                job.context.call_id(),
                address,
                value,
                deadline,
            ));
        }
        member.apply(effects);
    }
}

/// Has a handler stopped at its deadline; returns what that is registered with.
fn register(state: &mut State, context: &Context, effects: &mut Effects) -> u64 {
    let number = state.starts;
    state.starts += 1;
    let deadline = context.deadline();
    state.deadlines.insert((deadline, number), context.clone());
    arm(state, deadline, effects);
    number
}

/// Makes sure that a tick comes by then.
pub(in crate::server) fn arm(state: &mut State, at: Instant, effects: &mut Effects) {
    if state.armed.is_none_or(|armed| at < armed) {
        state.armed = Some(at);
        effects.ring_by = Some(effects.ring_by.map_or(at, |earlier| earlier.min(at)));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
