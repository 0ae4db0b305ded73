//! Everything of a member that changes, as state machines of their own, and a transition of it.

use super::actions::Actions;
use super::env::Env;
use super::flow::Flow;
use super::timers::Timers;
use crate::server::admit::block_pool::BlockPool;
use crate::server::admit::clock_answers::ClockAnswers;
use crate::server::admit::pending_lookup::{Kept, PendingLookup};
use crate::server::calls::CallKey;
use crate::server::calls::cancel::EarlyCancels;
use crate::server::calls::duplicates::Duplicates;
use crate::server::calls::elsewhere::Elsewhere;
use crate::server::calls::handed_over::HandedOver;
use crate::server::calls::live::LiveCalls;
use crate::server::complete::Completion;
use crate::server::complete::offsets::{Offsets, RecordRef};
use crate::server::complete::origin::Origin;
use crate::server::execute::job::Job;
use crate::server::schedule::Schedule;
use crate::util::throttle::Throttle;
use crate::wire::CallId;

/// Everything that changes. No user code runs while it is locked.
pub(crate) struct State {
    /// The partitions that are owned, and how far each is settled.
    pub(crate) offsets: Offsets,
    /// The commands that wait, and how many run.
    pub(crate) queue: Schedule<Box<Job>>,
    /// The calls that wait or run.
    pub(crate) live: LiveCalls,
    /// The calls that ended.
    pub(crate) ended: Box<dyn Duplicates>,
    /// The calls of other members' partitions that go on here.
    pub(crate) handed_over: HandedOver,
    /// The calls of this member's partitions that run on former owners.
    pub(crate) elsewhere: Elsewhere<Kept>,
    pub(crate) early_cancels: EarlyCancels,
    pub(crate) pending_lookup: PendingLookup,
    pub(crate) clock_answers: ClockAnswers,
    pub(crate) timers: Timers,
    pub(crate) flow: Flow,
    pub(crate) blocks: BlockPool,
    pub(crate) throttles: Throttles,
    /// Handlers were stopped because their grace was over.
    pub(crate) stopped_handlers: u64,
}

/// Keeps a burst of records from being a burst of log lines.
#[derive(Debug, Default)]
pub(crate) struct Throttles {
    pub(crate) malformed: Throttle,
    pub(crate) forbidden: Throttle,
    pub(crate) full: Throttle,
    pub(crate) reply_backlog: Throttle,
    pub(crate) long_note: Throttle,
    pub(crate) ahead: Throttle,
}

impl State {
    /// The state of a member that owns nothing yet.
    pub(crate) fn new(concurrency: usize, ended: Box<dyn Duplicates>) -> Self {
        Self {
            offsets: Offsets::default(),
            queue: Schedule::new(concurrency),
            live: LiveCalls::default(),
            ended,
            handed_over: HandedOver::default(),
            elsewhere: Elsewhere::default(),
            early_cancels: EarlyCancels::default(),
            pending_lookup: PendingLookup::default(),
            clock_answers: ClockAnswers::default(),
            timers: Timers::default(),
            flow: Flow::default(),
            blocks: BlockPool::default(),
            throttles: Throttles::default(),
            stopped_handlers: 0,
        }
    }
}

/// One transition: the state, which is locked, and what the transition leads to.
pub(crate) struct Transition<'a> {
    pub(crate) env: &'a Env,
    pub(crate) state: &'a mut State,
    pub(crate) actions: &'a mut Actions,
}

impl Transition<'_> {
    /// A command's end is decided; it is carried out once the state is unlocked. One that is answered is
    /// as good as started: another owner must not answer it otherwise.
    pub(crate) fn complete(&mut self, record: RecordRef, completion: Completion) {
        if matches!(
            completion,
            Completion::Reply(_) | Completion::Refused(Some(_))
        ) {
            self.state.offsets.begin(record);
        }
        self.actions.completions.push((record, completion));
    }

    /// A command is settled: what ended it is in the log, or won't ever be.
    pub(crate) fn settle(&mut self, record: RecordRef) {
        let state = &mut *self.state;
        if !state.offsets.settle(record) {
            let (partition, offset) = (record.partition, record.offset);
            if !state.handed_over.end(partition, offset) {
                return;
            }
            if !state.offsets.settle_earlier(partition, offset) {
                if self.actions.report(partition, offset) {
                    state.handed_over.reporting();
                }
                return;
            }
        }
        if let Some(membership) = self.env.membership()
            && state.offsets.has_news()
        {
            membership.progressed();
        }
    }
}

/// The call that a command belongs to.
pub(crate) const fn key(call_id: CallId, origin: &Origin) -> CallKey {
    CallKey {
        call_id,
        partition: origin.record.partition,
        service: origin.service,
        method: origin.method,
    }
}
