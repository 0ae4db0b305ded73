//! What the start and the end of a handler do to a member's state.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::actions::Actions;
use super::env::Env;
use super::member::Member;
use super::state::{Transition, key};
use crate::call::{Answer, Context, Failure, Reason};
use crate::server::calls::live::Live;
use crate::server::complete::encode::{self, ReplyHeader};
use crate::server::complete::{Completion, Reply};
use crate::server::execute::handler::Ended;
use crate::server::execute::job::{Job, Mode};
use crate::server::execute::run::{End, Run};
use crate::server::observe::events::Event;
use crate::server::observe::stats::count;
use crate::server::schedule::Slot;
use crate::util::throttle;
use crate::wire::StageTimes;
use crate::wire::limits::MAX_NOTE_CHARS;
use crate::{Code, Outcome};

/// A note that is longer, in characters, is nearly too long for brokers.
const LONG_NOTE: usize = MAX_NOTE_CHARS / 4 * 3;

impl Transition<'_> {
    /// Starts as many of the queued commands as may run now.
    pub(super) fn start_ready(&mut self, now: Instant) {
        while let Some((slot, job)) = self.state.queue.start() {
            if job.request.deadline <= now {
                self.state.queue.finished(slot);
                count(&self.env.shared.counters.expired);
                self.actions.events.push(Event::ExpiredInQueue {
                    call_id: job.request.id,
                    waited: now.saturating_duration_since(job.origin.read_at),
                });
                self.drop_queued(&job, now);
                continue;
            }
            self.state.flow.unqueued(job.size);
            self.state.offsets.begin(job.origin.record);
            let key = key(job.request.id, &job.origin);
            let mut start = job.start(slot, &self.env.shared.clock);
            if let Some(live) = self.state.live.find(&key) {
                *live = Live::Running(start.context.clone());
            }
            count(&self.env.shared.counters.started);
            start.mode = self.stop_at_deadline(&start.context);
            self.actions.starts.push(start);
        }
        self.read_on();
    }

    /// Starts a command that needn't wait.
    pub(super) fn start(&mut self, slot: Slot, job: Job) {
        let key = key(job.request.id, &job.origin);
        let mut start = job.start(slot, &self.env.shared.clock);
        let live = Live::Running(start.context.clone());
        let record = start.origin.record;
        self.state.offsets.begin(record);
        self.state.live.begin(key, record.generation, live);
        count(&self.env.shared.counters.started);
        start.mode = if self.env.runs_inline(key.service, key.method) {
            Mode::Inline
        } else {
            self.stop_at_deadline(&start.context)
        };
        self.actions.start(start);
    }

    /// A handler that runs as a task is stopped at its deadline.
    fn stop_at_deadline(&mut self, context: &Context) -> Mode {
        let (number, wake_by) = self.state.timers.handler_started(context);
        self.actions.wake_by(wake_by);
        Mode::Task(number)
    }

    /// Lets a member read on that was too full, if there is room again.
    pub(super) fn read_on(&mut self) {
        let state = &mut *self.state;
        if !state.flow.is_full() {
            return;
        }
        let half = self.env.shared.limits.capacity.half();
        if state.queue.queued() + state.queue.running() <= half.commands
            && state.flow.queued_bytes() <= half.bytes
            && !self.env.backlog.exceeds(half.commands, half.bytes)
            && state.offsets.longest_note() <= LONG_NOTE
        {
            state.flow.resume();
            self.actions.flow = true;
        }
    }

    /// Stops the reading while the note of a partition is nearly too long, and lets it go on after that.
    pub(super) fn heed_notes(&mut self, now: Instant) {
        if self.state.offsets.longest_note() <= LONG_NOTE {
            return self.read_on();
        }
        if self.stop_reading()
            && let Some(suppressed) = self.state.throttles.long_note.pass(now)
        {
            self.actions.events.push(Event::LongNote { suppressed });
        }
    }

    /// Stops the reading; says whether it was going on. A member that waits for news of calls that run
    /// elsewhere reads on, as long as it isn't twice as full as it may be.
    pub(super) fn stop_reading(&mut self) -> bool {
        let state = &mut *self.state;
        let capacity = self.env.shared.limits.capacity;
        let is_far_too_full = state.queue.queued() / 2 > capacity.commands
            || state.flow.queued_bytes() / 2 > capacity.bytes;
        let stopped = (state.elsewhere.is_empty() || is_far_too_full) && state.flow.stop();
        self.actions.flow |= stopped;
        stopped
    }

    /// A command that waited won't be run, and needs no reply.
    pub(super) fn drop_queued(&mut self, job: &Job, now: Instant) {
        self.state.flow.unqueued(job.size);
        let key = key(job.request.id, &job.origin);
        let record = job.origin.record;
        if self.state.live.end(&key, record.generation) {
            self.state.ended.remember(key, None, now);
        }
        self.complete(record, Completion::Silent);
    }

    /// A handler has ended: its slot is free.
    fn ended(&mut self, run: &mut Run, reply: Option<&[u8]>, now: Instant) {
        let start = &mut run.start;
        let context = &start.context;
        if let Mode::Task(number) = start.mode {
            let deadline = context.deadline();
            self.state.timers.handler_ended(deadline, number);
        }
        self.state.queue.finished(std::mem::take(&mut start.slot));
        let key = key(context.call_id(), &start.origin);
        if self.state.live.end(&key, start.origin.record.generation) {
            self.state.ended.remember(key, reply, now);
        }
        self.start_ready(now);
    }
}

impl Member {
    /// A handler has ended: its reply goes out, and others are started.
    pub(super) fn handler_ended(self: &Arc<Self>, mut run: Box<Run>, end: End) {
        let env = &self.env;
        if let Some(text) = &end.panic {
            report_panic(env, &run.start.context, text);
        }
        let now = env.shared.clock.now();
        let took = now.saturating_duration_since(end.started_at);
        let origin = &run.start.origin;
        let record = origin.record;
        env.admission.services[origin.service].paces[origin.method].note(took, end.polls);
        let times = StageTimes {
            queued_us: match run.start.mode {
                Mode::Inline => 0,
                Mode::Task(_) => micros(end.started_at.saturating_duration_since(origin.read_at)),
            },
            handler_us: micros(took),
            ..env.shared.times(origin.read_at)
        };
        let completion = completion(env, &mut run, end.ended, times);
        let reply = match &completion {
            Completion::Reply(reply) => Some(&*reply.value),
            Completion::Refused(_) | Completion::Silent | Completion::Left => None,
        };
        let mut actions = Actions::default();
        self.transition_into(&mut actions, |transition| {
            transition.ended(&mut run, reply, now);
        });
        // Each request costs a broker as much as a hundred replies do.
        if end.held && reply.is_some() {
            env.shared.complete.hold();
        }
        self.complete(record, completion);
        self.carry_out(&mut actions);
    }
}

/// Counts how a handler ended, and says what ends its command.
fn completion(env: &Env, run: &mut Run, ended: Ended, times: StageTimes) -> Completion {
    let counters = &env.shared.counters;
    let context = &run.start.context;
    let origin = &mut run.start.origin;
    let header = ReplyHeader {
        call_id: context.call_id(),
        server: &env.shared.server_id,
        times,
        attempt: context.attempt(),
    };
    let first_delivery = origin.record.first_delivery;
    let wanted = origin.reply_to.is_some();
    let method = || format!("`{}.{}`", context.service(), context.method());
    let refuse = |code, outcome, message: &str| {
        counters.refuse(code);
        wanted.then(|| header.error(code, outcome, message, None))
    };
    let answer = |counter: &AtomicU64, answer: Answer| {
        count(counter);
        wanted.then(|| {
            header.answer(answer.into()).unwrap_or_else(|too_large| {
                counters.refuse(Code::ReplyTooLarge);
                too_large
            })
        })
    };
    let value = match ended {
        Ended::Answered(Ok(value @ Answer::Value(_))) => answer(&counters.answered, value),
        Ended::Answered(Ok(error @ Answer::App(_))) => answer(&counters.app_errors, error),
        Ended::Answered(Err(Failure::Arguments(problem))) => refuse(
            Code::InvalidArgument,
            encode::not_started(first_delivery),
            &format!("the arguments of {} can't be decoded: {problem}", method()),
        ),
        Ended::Answered(Err(Failure::Answer(problem))) => {
            let message = format!("the answer of {} can't be encoded: {problem}", method());
            if let Some(suppressed) =
                throttle::pass(format_args!("{}", throttle::Pattern(&message)))
            {
                warn!(
                    target: "kafka_rpc::server", call_id = %context.call_id(),
                    service = context.service(), method = context.method(),
                    problem, suppressed, "an answer can't be encoded",
                );
            }
            refuse(Code::Internal, Outcome::Ran, &message)
        }
        Ended::Answered(Err(Failure::Unimplemented)) => {
            let message = format!(
                "service `{}` doesn't run its method `{}`",
                context.service(),
                context.method()
            );
            refuse(
                Code::Unimplemented,
                encode::not_started(first_delivery),
                &message,
            )
        }
        Ended::Panicked(text) => {
            report_panic(env, context, &text);
            let message = format!(
                "the handler of {} panicked; the server's log says more",
                method()
            );
            refuse(Code::Internal, Outcome::Ran, &message)
        }
        Ended::Interrupted(reason) => {
            count(match reason {
                Reason::Deadline => &counters.overdue,
                Reason::Cancelled => &counters.cancelled,
                Reason::Abandoned => &counters.abandoned,
            });
            if reason == Reason::Abandoned {
                return Completion::Left;
            }
            None
        }
    };
    match value.zip(origin.reply_to.take()) {
        None => Completion::Silent,
        Some((value, address)) => Completion::Reply(Reply {
            call_id: context.call_id(),
            address,
            value,
            give_up: context.deadline(),
        }),
    }
}

fn report_panic(env: &Env, context: &Context, text: &str) {
    count(&env.shared.counters.panics);
    error!(
        target: "kafka_rpc::server", call_id = %context.call_id(),
        service = context.service(), method = context.method(), panic = text,
        "a handler panicked",
    );
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
