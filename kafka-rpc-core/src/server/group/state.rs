//! Everything of a member that changes, as state machines of their own, and a transition of it.

use super::actions::Actions;
use super::env::Env;
use super::flow::Flow;
use super::timers::Timers;
use crate::server::admit::block_pool::BlockPool;
use crate::server::admit::clock_answers::ClockAnswers;
use crate::server::admit::pending_lookup::PendingLookup;
use crate::server::calls::CallKey;
use crate::server::calls::cancel::EarlyCancels;
use crate::server::calls::duplicates::Duplicates;
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
    pub(crate) early_cancels: EarlyCancels,
    pub(crate) pending_lookup: PendingLookup,
    pub(crate) clock_answers: ClockAnswers,
    pub(crate) timers: Timers,
    pub(crate) flow: Flow,
    pub(crate) blocks: BlockPool,
    pub(crate) throttles: Throttles,
    /// Nothing is started or answered any more that hasn't been.
    pub(crate) stopping: bool,
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
            early_cancels: EarlyCancels::default(),
            pending_lookup: PendingLookup::default(),
            clock_answers: ClockAnswers::default(),
            timers: Timers::default(),
            flow: Flow::default(),
            blocks: BlockPool::default(),
            throttles: Throttles::default(),
            stopping: false,
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
    /// A command's end is decided; it is carried out once the state is unlocked.
    pub(crate) fn complete(&mut self, record: RecordRef, completion: Completion) {
        self.actions.completions.push((record, completion));
    }

    /// A command is settled: what ended it is in the log, or won't ever be.
    ///
    /// The commit is noted while the state is locked: so a later one can't be overtaken by an
    /// earlier one, and none comes after its partition was given up.
    pub(crate) fn settle(&mut self, record: RecordRef) {
        let settled = self.state.offsets.settle(record);
        if let (Some(next), Some(membership)) = (settled.commit, self.env.membership()) {
            let complete = &self.env.shared.complete;
            complete.commit(&**membership, record.partition, next);
        }
        if !settled.releases.is_empty() {
            self.actions.releases.extend(settled.releases);
            self.state.ended.forget(record.partition);
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
