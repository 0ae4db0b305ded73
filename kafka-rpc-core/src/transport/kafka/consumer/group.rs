//! A member of a consumer group: reads what it is assigned, commits what is done, and lets go of
//! what is taken away when those who work on it have finished.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use crate::transport::kafka::admin::topics;
use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::consumer::burst::Flow;
use crate::transport::kafka::consumer::offsets::Offsets;
use crate::transport::kafka::consumer::rebalance::{Context, number};
use crate::transport::kafka::consumer::watchdog::PollLease;
use crate::transport::kafka::consumer::{commit, leave};
use crate::transport::kafka::ffi;
use crate::transport::kafka::ffi::Polled;
use crate::transport::{
    BoxFuture, GroupOptions, GroupSink, Incoming, Membership, TransportError, TransportErrorKind,
    Work,
};
use crate::util::sync::lock;
use crate::util::throttle;

/// How long one poll waits: how soon the thread sees that it is to leave or to commit.
const ROUND: Duration = Duration::from_millis(100);

/// The same for the rest of a flow: as short as librdkafka can wait.
const TORN_ROUND: Duration = Duration::from_millis(1);

/// The same while paused, so that a resumption is seen soon.
const PAUSED_ROUND: Duration = Duration::from_millis(5);

/// The time between two commits.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// How long after a rebalance it tells nothing that no record is there: librdkafka stops all partitions
/// for it, and may take a second to read on.
const CATCH_UP: Duration = Duration::from_secs(1);

/// The pause between two attempts to get partitions of the right topic.
const REJOIN_PAUSE: Duration = Duration::from_secs(5);

/// How long a member that was dropped tries to leave properly.
const DROP_PATIENCE: Duration = Duration::from_secs(30);

pub(in crate::transport::kafka) fn join(
    settings: &Arc<Settings>,
    options: GroupOptions,
    sink: Arc<dyn GroupSink>,
) -> BoxFuture<Result<Arc<dyn Membership>, TransportError>> {
    let settings = Arc::clone(settings);
    // What runs on the member's threads may be user code, which expects to be within a runtime.
    let runtime = Handle::try_current().ok();
    blocking::start("kafka-rpc-group", move |reply: Reply<_>| {
        let _entered = runtime.as_ref().map(Handle::enter);
        let shared = Arc::new(Shared {
            events: Events::new(&settings),
            options,
            sink,
            offsets: Mutex::default(),
            assigned: Mutex::default(),
            misassigned: AtomicBool::new(false),
            rebalanced: AtomicBool::new(false),
            records: OnceLock::new(),
            commits: OnceLock::new(),
            paused: AtomicBool::new(false),
            leave_by: Mutex::default(),
            leaving: Latch::default(),
            left: Latch::default(),
            poller: Mutex::default(),
            lease: PollLease::default(),
        });
        let second = Arc::clone(&shared);
        let started = subscribe(&settings, &shared).and_then(|poller| {
            *lock(&shared.poller) = Some(poller);
            let runtime = runtime.clone();
            blocking::spawn("kafka-rpc-group", move || {
                let _entered = runtime.as_ref().map(Handle::enter);
                second.live(false);
            })
        });
        if let Err(error) = started {
            // The consumer refers to what holds it.
            drop(lock(&shared.poller).take());
            return drop(reply.send(Err(error)));
        }
        let handle: Arc<dyn Membership> = Arc::new(Member(Arc::clone(&shared)));
        // Where nobody waits any more, the handle is dropped here, and the member leaves at once.
        drop(reply.send(Ok(handle)));
        shared.live(true);
    })
}

fn subscribe(settings: &Settings, shared: &Arc<Shared>) -> Result<Poller, TransportError> {
    topics::check_name(&shared.options.topic)?;
    let consumer: BaseConsumer<Context> = settings
        .member(&shared.options)?
        .create_with_context(Context(Arc::clone(shared)))
        .map_err(|error| errors::from_creation(&error))?;
    let poller = Poller::new(consumer, &shared.options.topic);
    // Before the first assignment, which is heard of by polling. They are set once.
    let _ = shared.records.set(Arc::downgrade(poller.inbox.queue()));
    let _ = shared.commits.set(Arc::downgrade(&poller.commits));
    poller
        .consumer
        .subscribe(&[&shared.options.topic])
        .map_err(|error| errors::from_kafka("the topic can't be subscribed to", &error))?;
    Ok(poller)
}

/// What the member's thread and its handle share.
pub(in crate::transport::kafka) struct Shared {
    pub(in crate::transport::kafka) events: Events,
    pub(in crate::transport::kafka) options: GroupOptions,
    pub(in crate::transport::kafka) sink: Arc<dyn GroupSink>,
    /// Where the records of assigned partitions are to come.
    pub(in crate::transport::kafka) records: OnceLock<Weak<ffi::Queue>>,
    pub(in crate::transport::kafka) commits: OnceLock<Weak<ffi::Commits>>,
    /// The partitions that are the member's, as the sink was told.
    pub(in crate::transport::kafka) offsets: Mutex<Offsets>,
    /// The partitions that librdkafka was given.
    pub(in crate::transport::kafka) assigned: Mutex<BTreeSet<i32>>,
    /// The group has assigned partitions of another topic.
    pub(in crate::transport::kafka) misassigned: AtomicBool,
    /// There was a rebalance since the poller last looked.
    pub(in crate::transport::kafka) rebalanced: AtomicBool,
    /// No records are wanted. Librdkafka isn't told: it drops an order to pause or to resume that
    /// another one overtakes, and every rebalance gives some. It reads on until its queue is full,
    /// and what is in there waits.
    paused: AtomicBool,
    leave_by: Mutex<Option<Instant>>,
    leaving: Latch,
    left: Latch,
    /// Held by the thread that polls, which has the lease; empty at the end.
    poller: Mutex<Option<Poller>>,
    lease: PollLease,
}

impl Shared {
    fn leave(&self, patience: Duration) {
        *lock(&self.leave_by) = Instant::now().checked_add(patience);
        self.leaving.open();
    }

    /// How long a revocation may wait for its release now.
    pub(in crate::transport::kafka) fn revoke_patience(&self) -> Duration {
        let left = lock(&self.leave_by).map(|by| by.saturating_duration_since(Instant::now()));
        left.map_or(self.options.revoke_patience, |left| {
            left.min(self.options.revoke_patience)
        })
    }

    /// These partitions of the member's topic.
    pub(in crate::transport::kafka) fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.options.topic, *partition);
        }
        list
    }

    /// The same with offsets.
    pub(in crate::transport::kafka) fn list_at(
        &self,
        offsets: &[(i32, i64)],
    ) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, next) in offsets {
            // It fails only for offsets below zero, which no record has.
            let next = Offset::Offset(*next);
            drop(list.add_partition_offset(&self.options.topic, *partition, next));
        }
        list
    }

    pub(in crate::transport::kafka) fn trouble(&self, error: &KafkaError) {
        let doing = format!(
            "in the group {} on {}",
            self.options.group, self.options.topic
        );
        self.sink
            .trouble(self.events.explain(errors::from_kafka(&doing, error)));
        self.events.forget();
    }
}

impl Shared {
    /// The life of one of the member's two threads, of which one polls.
    fn live(&self, polls: bool) {
        let poll = || {
            let mut poller = lock(&self.poller);
            let work = poller.as_mut().and_then(|poller| poller.next(self));
            if work.is_none() {
                // The consumer's teardown waits for its commits, and blocks as long as the group's
                // coordinator can't be reached.
                drop(poller.take());
            }
            work
        };
        if self
            .lease
            .share(polls, poll, |(work, alone)| work.run(alone))
        {
            self.left.open();
        }
    }
}

/// The member's consumer, and what is to be done besides reading.
struct Poller {
    // Both are dropped before the consumer.
    inbox: ffi::Inbox,
    commits: Arc<ffi::Commits>,
    consumer: BaseConsumer<Context>,
    flow: Flow,
    committed: Instant,
    /// Until when it may be that records wait unseen.
    catches_up: Option<Instant>,
    rejoined: Option<Instant>,
}

impl Poller {
    fn new(consumer: BaseConsumer<Context>, topic: &str) -> Self {
        Self {
            inbox: ffi::Inbox::new(&consumer, topic),
            commits: Arc::new(ffi::Commits::new(consumer.client())),
            consumer,
            flow: Flow::default(),
            committed: Instant::now(),
            catches_up: None,
            rejoined: None,
        }
    }

    /// Polls until a record leads to work, and says whether that came alone; `None` when the member
    /// has left or is done for.
    fn next(&mut self, shared: &Shared) -> Option<(Box<dyn Work>, bool)> {
        loop {
            // What librdkafka gave out, it won't give out again: it is handed on before anything else.
            if self.inbox.is_handed_on() {
                if shared.leaving.is_open() {
                    shared.sink.flush();
                    let by = *lock(&shared.leave_by);
                    leave::leave(&self.consumer, shared, by);
                    return None;
                }
                if self.committed.elapsed() >= COMMIT_INTERVAL {
                    self.committed = Instant::now();
                    commit::begin(&self.consumer, shared);
                    self.rejoin(shared);
                }
            }
            // Without waiting first: only so can it be told that nothing is there.
            let mut polled = self.poll(shared, Duration::ZERO);
            if matches!(polled, Polled::Nothing) && self.flow.is_torn(Instant::now) {
                polled = self.poll(shared, TORN_ROUND);
            }
            if matches!(polled, Polled::Nothing) {
                self.flow.end(Instant::now);
                shared.sink.flush();
                if self.has_caught_up(shared) {
                    shared.sink.idle();
                }
                polled = self.poll(shared, ROUND);
            }
            match polled {
                Polled::Nothing | Polled::Record(None) => {}
                Polled::Foreign => shared.misassigned.store(true, Ordering::Release),
                Polled::Record(Some(work)) => {
                    let alone = self.flow.is_single(Instant::now) && self.inbox.is_empty();
                    return Some((work, alone));
                }
                Polled::Error(error @ KafkaError::MessageConsumptionFatal(_)) => {
                    give_up(shared, &error);
                    return None;
                }
                Polled::Error(error) => shared.trouble(&error),
            }
        }
    }

    fn poll(&mut self, shared: &Shared, wait: Duration) -> Polled<Option<Box<dyn Work>>> {
        let flow = &mut self.flow;
        let hand_on = |record: Incoming<'_>| {
            flow.record();
            shared.sink.record(record)
        };
        // What librdkafka gave out is handed on even so.
        if shared.paused.load(Ordering::Acquire) && self.inbox.is_handed_on() {
            let wait = wait.min(PAUSED_ROUND);
            return self.inbox.poll_events(&self.consumer, wait, hand_on);
        }
        self.inbox.poll(&self.consumer, wait, hand_on)
    }

    /// Whether what is there to read has most likely been fetched since the last rebalance.
    fn has_caught_up(&mut self, shared: &Shared) -> bool {
        if shared.rebalanced.load(Ordering::Acquire) {
            shared.rebalanced.store(false, Ordering::Release);
            self.catches_up = Instant::now().checked_add(CATCH_UP);
        }
        self.catches_up = self.catches_up.filter(|until| Instant::now() < *until);
        self.catches_up.is_none()
    }

    /// Joins the group anew where it has assigned another topic's partitions, as it does to a static
    /// member that was there before with another subscription. That isn't asked for anew until it has
    /// left, whatever it subscribes to.
    fn rejoin(&mut self, shared: &Shared) {
        let lately = |at: Instant| at.elapsed() < REJOIN_PAUSE;
        if !shared.misassigned.load(Ordering::Acquire) || self.rejoined.is_some_and(lately) {
            return;
        }
        shared.misassigned.store(false, Ordering::Release);
        self.rejoined = Some(Instant::now());
        let GroupOptions { group, topic, .. } = &shared.options;
        if let Some(suppressed) = throttle::pass(format_args!("foreign topic: {group}/{topic}")) {
            tracing::warn!(
                target: "kafka_rpc::librdkafka",
                group,
                topic,
                suppressed,
                "the group assigned partitions of another topic, which are left alone; the member joins \
                 it anew"
            );
        }
        self.consumer.unsubscribe();
        if let Err(error) = self.consumer.subscribe(&[&shared.options.topic]) {
            shared.trouble(&error);
        }
    }
}

/// Another member has taken this one's name: the group won't hear of it again.
fn give_up(shared: &Shared, error: &KafkaError) {
    shared.sink.flush();
    let lost = lock(&shared.offsets).all();
    lock(&shared.offsets).disown(&lost);
    let lost: Vec<u32> = lost.into_iter().map(number).collect();
    if !lost.is_empty() {
        shared.sink.lost(&lost);
    }
    shared.sink.trouble(TransportError::new(
        TransportErrorKind::Closed,
        format!(
            "the member of the group {} has ended: {error}",
            shared.options.group
        ),
    ));
}

struct Member(Arc<Shared>);

impl Membership for Member {
    fn commit(&self, partition: u32, next: i64) {
        if let Ok(partition) = i32::try_from(partition) {
            lock(&self.0.offsets).note(partition, next);
        }
    }

    fn pause(&self) {
        self.0.paused.store(true, Ordering::Release);
    }

    fn resume(&self) {
        self.0.paused.store(false, Ordering::Release);
    }

    fn leave(&self, patience: Duration) -> BoxFuture<()> {
        let shared = Arc::clone(&self.0);
        shared.leave(patience);
        // The time runs from now on, not from the first poll: several members leave at once, and are
        // waited for one after another.
        let by = Instant::now().checked_add(patience);
        let left = blocking::start("kafka-rpc-leave", move |reply| {
            let left = by.map_or(patience, |by| by.saturating_duration_since(Instant::now()));
            shared.left.wait(left);
            drop(reply.send(Ok(())));
        });
        Box::pin(async move {
            if let Err(error) = left.await {
                tracing::warn!(target: "kafka_rpc::librdkafka", %error, "can't wait for a member");
            }
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.0.leaving.is_open() {
            self.0.leave(DROP_PATIENCE);
        }
    }
}
