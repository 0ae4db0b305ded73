//! A member of a consumer group: reads what it is assigned, commits what is done, and lets go of
//! what is taken away when those who work on it have finished.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::blocking::{self, Reply};
use super::clients::Settings;
use super::events::Events;
use super::latch::Latch;
use super::listener::deliver;
use super::rebalance::{Context, commit, number};
use super::{errors, ffi, topics};
use crate::sync::lock;
use crate::transport::{
    BoxFuture, GroupOptions, GroupSink, Membership, TransportError, TransportErrorKind,
};

/// How long one poll waits: how soon the thread sees that it is to leave or to commit.
const ROUND: Duration = Duration::from_millis(100);

/// The same while paused, so that a resumption is seen soon.
const PAUSED_ROUND: Duration = Duration::from_millis(5);

/// The same while leaving.
const LEAVING_ROUND: Duration = Duration::from_millis(2);

/// The time between two commits.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// How long a member that was dropped tries to leave properly.
const DROP_PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn join(
    settings: &Arc<Settings>,
    options: GroupOptions,
    sink: Arc<dyn GroupSink>,
) -> BoxFuture<Result<Arc<dyn Membership>, TransportError>> {
    let settings = Arc::clone(settings);
    blocking::start("kafka-rpc-group", move |reply: Reply<_>| {
        let shared = Arc::new(Shared {
            events: Events::new(&settings),
            options,
            sink,
            owned: Mutex::default(),
            paused: AtomicBool::new(false),
            halted: AtomicBool::new(false),
            leave_by: Mutex::default(),
            leaving: Latch::default(),
            left: Latch::default(),
        });
        let consumer = match subscribe(&settings, &shared) {
            Ok(consumer) => consumer,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let handle: Arc<dyn Membership> = Arc::new(Handle(Arc::clone(&shared)));
        // Where nobody waits any more, the handle is dropped here, and the member leaves at once.
        drop(reply.send(Ok(handle)));
        Member::new(&consumer, &shared).run();
        // The consumer's teardown waits for its commits, and blocks as long as the group's
        // coordinator can't be reached.
        drop(consumer);
        shared.left.open();
    })
}

fn subscribe(
    settings: &Settings,
    shared: &Arc<Shared>,
) -> Result<BaseConsumer<Context>, TransportError> {
    topics::check_name(&shared.options.topic)?;
    let consumer: BaseConsumer<Context> = settings
        .member(&shared.options)?
        .create_with_context(Context(Arc::clone(shared)))
        .map_err(|error| errors::from_creation(&error))?;
    consumer
        .subscribe(&[&shared.options.topic])
        .map_err(|error| errors::from_kafka("the topic can't be subscribed to", &error))?;
    Ok(consumer)
}

/// What the member's thread and its handle share.
pub(super) struct Shared {
    pub(super) events: Events,
    pub(super) options: GroupOptions,
    pub(super) sink: Arc<dyn GroupSink>,
    /// The partitions that are the member's, each with what is to be committed for it.
    pub(super) owned: Mutex<BTreeMap<i32, Option<i64>>>,
    /// Whether records are wanted, and whether the thread has told librdkafka so.
    paused: AtomicBool,
    pub(super) halted: AtomicBool,
    leave_by: Mutex<Option<Instant>>,
    leaving: Latch,
    left: Latch,
}

impl Shared {
    fn leave(&self, patience: Duration) {
        *lock(&self.leave_by) = Instant::now().checked_add(patience);
        self.leaving.open();
    }

    /// How long a revocation may wait for its release now.
    pub(super) fn revoke_patience(&self) -> Duration {
        let left = lock(&self.leave_by).map(|by| by.saturating_duration_since(Instant::now()));
        left.map_or(self.options.revoke_patience, |left| {
            left.min(self.options.revoke_patience)
        })
    }

    pub(super) fn trouble(&self, error: &KafkaError) {
        let doing = format!(
            "in the group {} on {}",
            self.options.group, self.options.topic
        );
        self.sink
            .trouble(self.events.explain(errors::from_kafka(&doing, error)));
        self.events.forget();
    }
}

/// The life of a member, on its own thread.
struct Member<'a> {
    consumer: &'a BaseConsumer<Context>,
    shared: &'a Shared,
    committed: Instant,
}

impl<'a> Member<'a> {
    fn new(consumer: &'a BaseConsumer<Context>, shared: &'a Shared) -> Self {
        Self {
            consumer,
            shared,
            committed: Instant::now(),
        }
    }

    fn run(mut self) {
        while !self.shared.leaving.is_open() {
            if self.committed.elapsed() >= COMMIT_INTERVAL {
                self.committed = Instant::now();
                commit(self.consumer, self.shared, None);
            }
            self.follow_pause();
            if !self.round() {
                return;
            }
        }
        self.leave();
    }

    /// Polls until nothing is waiting, or until there is something else to do; `false` if the
    /// member is done for.
    fn round(&self) -> bool {
        // Without waiting first: only so can it be told that nothing is there.
        let mut polled = self.consumer.poll(Duration::ZERO);
        if polled.is_none() {
            self.shared.sink.idle();
            let halted = self.shared.halted.load(Ordering::Relaxed);
            let wait = if halted { PAUSED_ROUND } else { ROUND };
            polled = self.consumer.poll(wait);
        }
        match polled {
            None => true,
            Some(Ok(message)) => {
                deliver(&message, |record| self.shared.sink.record(record));
                true
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                self.give_up(&error);
                false
            }
            Some(Err(error)) => {
                self.shared.trouble(&error);
                true
            }
        }
    }

    /// Another member has taken this one's name: the group won't hear of it again.
    fn give_up(&self, error: &KafkaError) {
        let lost: Vec<u32> = std::mem::take(&mut *lock(&self.shared.owned))
            .into_keys()
            .map(number)
            .collect();
        if !lost.is_empty() {
            self.shared.sink.lost(&lost);
        }
        self.shared.sink.trouble(TransportError::new(
            TransportErrorKind::Closed,
            format!(
                "the member of the group {} has ended: {error}",
                self.shared.options.group
            ),
        ));
    }

    fn follow_pause(&self) {
        let paused = self.shared.paused.load(Ordering::Acquire);
        if paused == self.shared.halted.load(Ordering::Relaxed) {
            return;
        }
        let list = self.list(lock(&self.shared.owned).keys().copied());
        let done = if paused {
            self.consumer.pause(&list)
        } else {
            self.consumer.resume(&list)
        };
        match done {
            Ok(()) => self.shared.halted.store(paused, Ordering::Relaxed),
            Err(error) => self.shared.trouble(&error),
        }
    }

    fn list(&self, partitions: impl Iterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.shared.options.topic, partition);
        }
        list
    }

    /// Gives everything up and leaves, while the group's coordinator can still be told.
    fn leave(&self) {
        // A static member keeps its partitions for its return: closing the consumer gives them up
        // without a word to the group.
        if self.shared.options.instance.is_some() {
            return;
        }
        self.consumer.unsubscribe();
        // Unsubscribing revokes what is owned, which is heard of by polling, and then tells the
        // group. Closing the consumer before that is done would cancel it, and the others would
        // have to wait until this member is given up for dead. Records that are still on their way
        // aren't handed on: they are the next owner's.
        let by = *lock(&self.shared.leave_by);
        while ffi::is_member(self.consumer.client()) && by.is_none_or(|by| Instant::now() < by) {
            drop(self.consumer.poll(LEAVING_ROUND));
        }
    }
}

struct Handle(Arc<Shared>);

impl Membership for Handle {
    fn commit(&self, partition: u32, next: i64) {
        if let Ok(partition) = i32::try_from(partition)
            && let Some(noted) = lock(&self.0.owned).get_mut(&partition)
        {
            *noted = (*noted).max(Some(next));
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

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.0.leaving.is_open() {
            self.0.leave(DROP_PATIENCE);
        }
    }
}
