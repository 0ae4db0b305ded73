//! One group member of a server: its state, and what is done once the state is let go.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::DefaultHashBuilder;
use tokio::runtime::Handle;

use super::admission::{Address, Admission};
use super::arena::Arena;
use super::cancel::EarlyCancels;
use super::clock_offsets::ClockOffsets;
use super::context::{Context, Reason};
use super::dedupe::{Bounds, Dedupe, Key};
use super::events::Event;
use super::outbox::{Outbox, Outgoing, Unsent};
use super::parking::Parked;
use super::partitions::{Hold, Partitions, Ticket};
use super::schedule::{Ordering, Place, Schedule, Slot};
use super::stats::Counters;
use crate::sync::lock;
use crate::throttle::Throttle;
use crate::transport::{Alarm, Clock, Membership, Transport};
use crate::wire::CallId;

/// What the members of one server share.
pub(super) struct Shared {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) runtime: Handle,
    pub(super) server_id: String,
    pub(super) limits: Limits,
    pub(super) counters: Arc<Counters>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) alarm: OnceLock<Box<dyn Alarm>>,
}

/// How much of what a member does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) ordering: Ordering,
    pub(super) concurrency: usize,
    /// Commands that wait or run.
    pub(super) commands: usize,
    /// Bytes of commands that wait.
    pub(super) bytes: usize,
    /// How long handlers may go on when their partition is taken away.
    pub(super) grace: Duration,
}

/// A member of one group, on one topic.
pub(super) struct Member {
    pub(super) shared: Arc<Shared>,
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) admission: Admission,
    membership: OnceLock<Arc<dyn Membership>>,
    pub(super) unsent: Unsent,
    pub(super) state: Mutex<State>,
    /// A handler runs on the thread that read its command.
    pub(super) inline: AtomicBool,
    /// Whether the member is paused, as the transport was told. Held while it is told, so that a
    /// pause and a resume of two threads can't overtake each other.
    paused: Mutex<bool>,
}

/// A call of one method, in one assignment of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallKey {
    pub(super) call_id: CallId,
    pub(super) generation: u64,
    pub(super) service: usize,
    pub(super) method: usize,
}

impl Hash for CallKey {
    /// Few calls have an id in common: one for each method, at most, in each assignment.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.call_id.as_bytes());
    }
}

impl Key for CallKey {
    /// 64 calls that a client makes one after another have places side by side.
    fn place(&self, hasher: &DefaultHashBuilder) -> u64 {
        const TOGETHER: u64 = 64;
        let sequence = self.call_id.sequence();
        let within = sequence % TOGETHER;
        let block = hasher.hash_one((self.call_id.instance(), sequence / TOGETHER));
        // Tables also compare the topmost bits, which are to differ between neighbours.
        block.wrapping_add(within) ^ within << (u64::BITS - 7)
    }
}

/// Where a call in progress is.
#[derive(Debug)]
pub(super) enum Live {
    Queued(Place),
    Running(Context),
}

/// An admitted command.
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) key: CallKey,
    pub(super) arguments: Bytes,
    /// The bytes that it takes as long as it waits.
    pub(super) size: usize,
    pub(super) reply_to: Option<Address>,
    pub(super) context: Context,
    pub(super) read_at: Instant,
    pub(super) read_at_us: i64,
    pub(super) fresh: bool,
}

/// A command whose handler runs.
pub(super) struct Run {
    pub(super) member: Arc<Member>,
    pub(super) slot: Slot,
    /// What its deadline is registered with; `None` while it runs where it was read.
    pub(super) number: Option<u64>,
    pub(super) job: Job,
}

/// Everything that changes. No user code runs while it is locked.
pub(super) struct State {
    pub(super) partitions: Partitions,
    pub(super) schedule: Schedule<Box<Job>>,
    pub(super) queued_bytes: usize,
    pub(super) dedupe: Dedupe<CallKey, Live>,
    pub(super) early_cancels: EarlyCancels,
    pub(super) clocks: ClockOffsets,
    /// When the member last had nothing to read.
    pub(super) idle: Option<Instant>,
    /// The handlers that run, by when they have to end.
    pub(super) deadlines: BTreeMap<(Instant, u64), Context>,
    pub(super) starts: u64,
    /// When the member was last let read on after it had been too full.
    pub(super) resumed: Option<Instant>,
    /// Partitions that are being taken away, with their generations, by when their grace ends.
    pub(super) graces: BTreeMap<(Instant, u64), Vec<(u32, u64)>>,
    pub(super) parked: VecDeque<Parked>,
    pub(super) looked_up: Option<Instant>,
    /// A tick is certain to come by then.
    pub(super) armed: Option<Instant>,
    /// The member is too full to read on.
    pub(super) full: bool,
    /// Nothing is started or answered any more that hasn't been.
    pub(super) stopping: bool,
    /// Handlers were stopped because their grace was over.
    pub(super) stopped_handlers: u64,
    pub(super) throttles: Throttles,
    pub(super) arena: Arena,
}

/// Keeps a flood of records from being a flood of log lines.
#[derive(Debug, Default)]
pub(super) struct Throttles {
    pub(super) malformed: Throttle,
    pub(super) forbidden: Throttle,
    pub(super) full: Throttle,
    pub(super) clogged: Throttle,
    pub(super) skew: Throttle,
}

/// What is to be done once the state is let go.
#[derive(Default)]
pub(super) struct Effects {
    /// Runs on the thread that read it.
    pub(super) inline: Option<Box<Run>>,
    /// The command that was read.
    pub(super) start: Option<Box<Run>>,
    /// Others, which waited.
    #[allow(clippy::vec_box)] // They are boxed already, and go into tasks as they are.
    pub(super) starts: Vec<Box<Run>>,
    pub(super) sends: Vec<Outgoing>,
    pub(super) interrupts: Vec<(Context, Reason)>,
    pub(super) releases: Vec<Hold>,
    pub(super) events: Vec<Event>,
    pub(super) ring_by: Option<Instant>,
    /// `full` has changed.
    pub(super) flow: bool,
    pub(super) look_up: bool,
}

impl Effects {
    /// Whether there is nothing but what the caller's thread has to run.
    const fn is_quiet(&self) -> bool {
        let Self {
            inline: _,
            start,
            starts,
            sends,
            interrupts,
            releases,
            events,
            ring_by,
            flow,
            look_up,
        } = self;
        start.is_none()
            && starts.is_empty()
            && sends.is_empty()
            && interrupts.is_empty()
            && releases.is_empty()
            && events.is_empty()
            && ring_by.is_none()
            && !*flow
            && !*look_up
    }
}

impl Member {
    pub(super) fn new(
        shared: Arc<Shared>,
        group: String,
        topic: String,
        admission: Admission,
    ) -> Self {
        let concurrency = shared.limits.concurrency;
        Self {
            shared,
            group,
            topic,
            admission,
            membership: OnceLock::new(),
            unsent: Unsent::default(),
            state: Mutex::new(State {
                partitions: Partitions::default(),
                schedule: Schedule::new(concurrency),
                queued_bytes: 0,
                dedupe: Dedupe::new(Bounds::default()),
                early_cancels: EarlyCancels::default(),
                clocks: ClockOffsets::default(),
                idle: None,
                resumed: None,
                deadlines: BTreeMap::new(),
                starts: 0,
                graces: BTreeMap::new(),
                parked: VecDeque::new(),
                looked_up: None,
                armed: None,
                full: false,
                stopping: false,
                stopped_handlers: 0,
                throttles: Throttles::default(),
                arena: Arena::default(),
            }),
            inline: AtomicBool::new(false),
            paused: Mutex::new(false),
        }
    }

    /// Tells it the end offsets of its topic, asked for at `now`, before it joins.
    pub(super) fn starts_from(&self, ends: &[Option<i64>], now: Instant) {
        lock(&self.state).partitions.start(ends, now);
    }

    /// Gives it its membership, whose sink leads to it.
    pub(super) fn joined(&self, membership: Arc<dyn Membership>) {
        // Records may come before `join` is done: what they wanted of the membership is made up for.
        let state = lock(&self.state);
        for (partition, next) in state.partitions.positions() {
            membership.commit(partition, next);
        }
        // While the state is locked, so that no commit falls in between. It joins only once.
        let _ = self.membership.set(membership);
        drop(state);
        self.steer();
    }

    pub(super) fn membership(&self) -> Option<&Arc<dyn Membership>> {
        self.membership.get()
    }

    /// How many commands wait, and how many run.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.schedule.queued(), state.schedule.running())
    }

    /// The replies to these records are in the log, or won't ever be.
    pub(super) fn settle(self: &Arc<Self>, tickets: impl Iterator<Item = Ticket>) {
        let mut effects = Effects::default();
        {
            let state = &mut *lock(&self.state);
            for ticket in tickets {
                self.settle_in(state, ticket, &mut effects);
            }
            if state.full {
                self.read_on(state, self.shared.clock.now(), &mut effects);
            }
        }
        self.apply(effects);
    }

    /// A record is dealt with for good.
    ///
    /// The commit is noted while the state is locked: so a later one can't be overtaken by an
    /// earlier one, and none comes after its partition was given up.
    pub(super) fn settle_in(&self, state: &mut State, ticket: Ticket, effects: &mut Effects) {
        let settled = state.partitions.settle(ticket);
        if let (Some(next), Some(membership)) = (settled.commit, self.membership.get()) {
            membership.commit(ticket.partition, next);
        }
        if !settled.releases.is_empty() {
            effects.releases.extend(settled.releases);
            state
                .dedupe
                .forget(|key| key.generation == ticket.generation);
        }
    }

    /// Makes sure that a tick comes by then.
    pub(super) fn ring_by(&self, at: Instant) {
        if let Some(alarm) = self.shared.alarm.get() {
            alarm.ring_by(at);
        }
    }

    /// Does what had to wait until the state was let go; returns what the caller's thread has to run.
    pub(super) fn apply(self: &Arc<Self>, effects: Effects) -> Option<Box<Run>> {
        // Most have nothing but what runs on this thread.
        if !effects.is_quiet() {
            return self.apply_all(effects);
        }
        effects.inline
    }

    fn apply_all(self: &Arc<Self>, effects: Effects) -> Option<Box<Run>> {
        for event in effects.events {
            event.emit(&self.group, &self.topic);
        }
        for (context, reason) in effects.interrupts {
            context.interrupt().fire(reason);
        }
        for run in effects.start.into_iter().chain(effects.starts) {
            run.spawn();
        }
        for outgoing in effects.sends {
            self.shared.outbox.send(outgoing);
        }
        if let Some(at) = effects.ring_by {
            self.ring_by(at);
        }
        if effects.flow {
            self.steer();
        }
        if effects.look_up {
            self.look_up();
        }
        drop(effects.releases);
        effects.inline
    }

    /// Pauses or resumes the member, as `full` says.
    fn steer(&self) {
        let Some(membership) = self.membership.get() else {
            return;
        };
        let mut paused = lock(&self.paused);
        let full = lock(&self.state).full;
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
