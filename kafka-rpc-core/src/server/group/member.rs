//! One group member of a server: its state, and what is done once the state is let go.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::DefaultHashBuilder;
use tokio::runtime::Handle;

use crate::call::context::{Context, Reason};
use crate::server::admit::block_pool::Arena;
use crate::server::admit::clock_skew::ClockOffsets;
use crate::server::admit::judge::{Address, Admission};
use crate::server::admit::pending_lookup::Parked;
use crate::server::calls::cancel::EarlyCancels;
use crate::server::calls::duplicates::memory::{Bounds, Dedupe, Key};
use crate::server::complete::offsets::{Hold, Partitions, Ticket};
use crate::server::complete::outbox::{Outbox, Outgoing, Unsent};
use crate::server::observe::events::{Event, Throttle};
use crate::server::observe::stats::Counters;
use crate::server::schedule::{Ordering, Place, Schedule, Slot};
use crate::transport::{Alarm, Clock, Membership, Transport};
use crate::util::lock_order::{MEMBER_PAUSED, MEMBER_STATE};
use crate::util::sync::{Mutex, lock};
use crate::wire::CallId;

/// What the members of one server share.
pub(in crate::server) struct Shared {
    pub(in crate::server) transport: Arc<dyn Transport>,
    pub(in crate::server) clock: Arc<dyn Clock>,
    pub(in crate::server) runtime: Handle,
    pub(in crate::server) server_id: String,
    pub(in crate::server) limits: Limits,
    pub(in crate::server) counters: Arc<Counters>,
    pub(in crate::server) outbox: Arc<Outbox>,
    pub(in crate::server) alarm: OnceLock<Box<dyn Alarm>>,
}

/// How much of what a member does.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Limits {
    pub(in crate::server) ordering: Ordering,
    pub(in crate::server) concurrency: usize,
    /// Commands that wait or run.
    pub(in crate::server) commands: usize,
    /// Bytes of commands that wait.
    pub(in crate::server) bytes: usize,
    /// How long handlers may go on when their partition is taken away.
    pub(in crate::server) grace: Duration,
}

/// A member of one group, on one topic.
pub(in crate::server) struct Member {
    pub(in crate::server) shared: Arc<Shared>,
    pub(in crate::server) group: String,
    pub(in crate::server) topic: String,
    pub(in crate::server) admission: Admission,
    membership: OnceLock<Arc<dyn Membership>>,
    pub(in crate::server) unsent: Unsent,
    pub(in crate::server) state: Mutex<State, MEMBER_STATE>,
    /// A handler runs on the thread that read its command.
    pub(in crate::server) inline: AtomicBool,
    /// Whether the member is paused, as the transport was told. Held while it is told, so that a
    /// pause and a resume of two threads can't overtake each other.
    paused: Mutex<bool, MEMBER_PAUSED>,
}

/// A call of one method, in one assignment of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct CallKey {
    pub(in crate::server) call_id: CallId,
    pub(in crate::server) generation: u64,
    pub(in crate::server) service: usize,
    pub(in crate::server) method: usize,
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
pub(in crate::server) enum Live {
    Queued(Place),
    Running(Context),
}

/// An admitted command.
pub(in crate::server) struct Job {
    pub(in crate::server) ticket: Ticket,
    pub(in crate::server) key: CallKey,
    pub(in crate::server) arguments: Bytes,
    /// The bytes that it takes as long as it waits.
    pub(in crate::server) size: usize,
    pub(in crate::server) reply_to: Option<Address>,
    pub(in crate::server) context: Context,
    pub(in crate::server) read_at: Instant,
    pub(in crate::server) read_at_us: i64,
    pub(in crate::server) fresh: bool,
}

/// A command whose handler runs.
pub(in crate::server) struct Run {
    pub(in crate::server) member: Arc<Member>,
    pub(in crate::server) slot: Slot,
    /// What its deadline is registered with; `None` while it runs where it was read.
    pub(in crate::server) number: Option<u64>,
    pub(in crate::server) job: Job,
}

/// Everything that changes. No user code runs while it is locked.
pub(in crate::server) struct State {
    pub(in crate::server) partitions: Partitions,
    pub(in crate::server) schedule: Schedule<Box<Job>>,
    pub(in crate::server) queued_bytes: usize,
    pub(in crate::server) dedupe: Dedupe<CallKey, Live>,
    pub(in crate::server) early_cancels: EarlyCancels,
    pub(in crate::server) clocks: ClockOffsets,
    /// When the member last had nothing to read.
    pub(in crate::server) idle: Option<Instant>,
    /// The handlers that run, by when they have to end.
    pub(in crate::server) deadlines: BTreeMap<(Instant, u64), Context>,
    pub(in crate::server) starts: u64,
    /// When the member was last let read on after it had been too full.
    pub(in crate::server) resumed: Option<Instant>,
    /// Partitions that are being taken away, with their generations, by when their grace ends.
    pub(in crate::server) graces: BTreeMap<(Instant, u64), Vec<(u32, u64)>>,
    pub(in crate::server) parked: VecDeque<Parked>,
    pub(in crate::server) looked_up: Option<Instant>,
    /// A tick is certain to come by then.
    pub(in crate::server) armed: Option<Instant>,
    /// The member is too full to read on.
    pub(in crate::server) full: bool,
    /// Nothing is started or answered any more that hasn't been.
    pub(in crate::server) stopping: bool,
    /// Handlers were stopped because their grace was over.
    pub(in crate::server) stopped_handlers: u64,
    pub(in crate::server) throttles: Throttles,
    pub(in crate::server) arena: Arena,
}

/// Keeps a flood of records from being a flood of log lines.
#[derive(Debug, Default)]
pub(in crate::server) struct Throttles {
    pub(in crate::server) malformed: Throttle,
    pub(in crate::server) forbidden: Throttle,
    pub(in crate::server) full: Throttle,
    pub(in crate::server) clogged: Throttle,
    pub(in crate::server) skew: Throttle,
}

/// What is to be done once the state is let go.
#[derive(Default)]
pub(in crate::server) struct Effects {
    /// Runs on the thread that read it.
    pub(in crate::server) inline: Option<Box<Run>>,
    /// The command that was read.
    pub(in crate::server) start: Option<Box<Run>>,
    /// Others, which waited.
    #[allow(clippy::vec_box)] // They are boxed already, and go into tasks as they are.
    pub(in crate::server) starts: Vec<Box<Run>>,
    pub(in crate::server) sends: Vec<Outgoing>,
    pub(in crate::server) interrupts: Vec<(Context, Reason)>,
    pub(in crate::server) releases: Vec<Hold>,
    pub(in crate::server) events: Vec<Event>,
    pub(in crate::server) ring_by: Option<Instant>,
    /// `full` has changed.
    pub(in crate::server) flow: bool,
    pub(in crate::server) look_up: bool,
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
    pub(in crate::server) fn new(
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
    pub(in crate::server) fn starts_from(&self, ends: &[Option<i64>], now: Instant) {
        lock(&self.state).partitions.start(ends, now);
    }

    /// Gives it its membership, whose sink leads to it.
    pub(in crate::server) fn joined(&self, membership: Arc<dyn Membership>) {
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

    pub(in crate::server) fn membership(&self) -> Option<&Arc<dyn Membership>> {
        self.membership.get()
    }

    /// How many commands wait, and how many run.
    pub(in crate::server) fn load(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.schedule.queued(), state.schedule.running())
    }

    /// The replies to these records are in the log, or won't ever be.
    pub(in crate::server) fn settle(self: &Arc<Self>, tickets: impl Iterator<Item = Ticket>) {
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
    pub(in crate::server) fn settle_in(
        &self,
        state: &mut State,
        ticket: Ticket,
        effects: &mut Effects,
    ) {
        let settled = state.partitions.settle(ticket);
        if let (Some(next), Some(membership)) = (settled.commit, self.membership.get()) {
            membership.commit(ticket.partition, next);
        }
        if let Some(release) = settled.release {
            effects.releases.push(release);
            state
                .dedupe
                .forget(|key| key.generation == ticket.generation);
        }
    }

    /// Makes sure that a tick comes by then.
    pub(in crate::server) fn ring_by(&self, at: Instant) {
        if let Some(alarm) = self.shared.alarm.get() {
            alarm.ring_by(at);
        }
    }

    /// Does what had to wait until the state was let go; returns what the caller's thread has to run.
    pub(in crate::server) fn apply(self: &Arc<Self>, effects: Effects) -> Option<Box<Run>> {
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
