//! A member of a consumer group: reads what it is assigned, commits what is done, and lets go of
//! what is taken away when those who work on it have finished.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::blocking::{self, Reply};
use super::events::Events;
use super::latch::Latch;
use super::listener::deliver;
use super::settings::Settings;
use super::{errors, ffi, topics};
use crate::sync::lock;
use crate::transport::{
    Assigned, BoxFuture, GroupOptions, GroupSink, Membership, Release, TransportError,
    TransportErrorKind,
};

/// How long one poll waits: how soon the thread sees that it is to leave or to commit.
const ROUND: Duration = Duration::from_millis(100);

/// The same while paused, so that a resumption is seen soon.
const PAUSED_ROUND: Duration = Duration::from_millis(5);

/// The same while leaving.
const LEAVING_ROUND: Duration = Duration::from_millis(2);

/// The time between two commits.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// How long an assignment waits for the end offsets of the new partitions.
const END_PATIENCE: Duration = Duration::from_secs(2);

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
struct Shared {
    events: Events,
    options: GroupOptions,
    sink: Arc<dyn GroupSink>,
    /// The partitions that are the member's, each with what is to be committed for it.
    owned: Mutex<BTreeMap<i32, Option<i64>>>,
    paused: AtomicBool,
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
    fn revoke_patience(&self) -> Duration {
        let left = lock(&self.leave_by).map(|by| by.saturating_duration_since(Instant::now()));
        left.map_or(self.options.revoke_patience, |left| {
            left.min(self.options.revoke_patience)
        })
    }

    fn trouble(&self, error: &KafkaError) {
        let doing = format!(
            "in the group {} on {}",
            self.options.group, self.options.topic
        );
        self.sink
            .trouble(self.events.explain(errors::from_kafka(&doing, error)));
    }
}

/// The life of a member, on its own thread.
struct Member<'a> {
    consumer: &'a BaseConsumer<Context>,
    shared: &'a Shared,
    paused: bool,
    committed: Instant,
}

impl<'a> Member<'a> {
    fn new(consumer: &'a BaseConsumer<Context>, shared: &'a Shared) -> Self {
        Self {
            consumer,
            shared,
            paused: false,
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
            let wait = if self.paused { PAUSED_ROUND } else { ROUND };
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

    fn follow_pause(&mut self) {
        let paused = self.shared.paused.load(Ordering::Acquire);
        if paused == self.paused {
            return;
        }
        let list = self.list(lock(&self.shared.owned).keys().copied());
        let done = if paused {
            self.consumer.pause(&list)
        } else {
            self.consumer.resume(&list)
        };
        match done {
            Ok(()) => self.paused = paused,
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

/// Commits what is noted, without waiting: for `only` these partitions, which are then no longer
/// owned, or for all.
///
/// librdkafka doesn't give partitions up, or close a consumer, before the commits that were handed
/// to it earlier are answered; so nothing has to wait here either.
fn commit(consumer: &BaseConsumer<Context>, shared: &Shared, only: Option<&[i32]>) {
    let mut list = TopicPartitionList::new();
    {
        let mut owned = lock(&shared.owned);
        let noted: Vec<(i32, i64)> = match only {
            None => owned
                .iter_mut()
                .filter_map(|(partition, next)| Some((*partition, next.take()?)))
                .collect(),
            Some(only) => only
                .iter()
                .filter_map(|partition| Some((*partition, owned.remove(partition)??)))
                .collect(),
        };
        for (partition, next) in noted {
            // It fails only for offsets below zero, which no record has.
            drop(list.add_partition_offset(&shared.options.topic, partition, Offset::Offset(next)));
        }
    }
    if list.count() > 0
        && let Err(error) = consumer.commit(&list, CommitMode::Async)
    {
        shared.trouble(&error);
    }
}

fn number(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(0)
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(|one| one.partition()).collect()
}

/// The context of a member's consumer: hears of rebalances, on the thread that polls.
struct Context(Arc<Shared>);

impl Context {
    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let shared = &*self.0;
        let new = partitions(list);
        if new.is_empty() {
            return;
        }
        let ends = self.ends(consumer, &new);
        lock(&shared.owned).extend(new.iter().map(|partition| (*partition, None)));
        let assigned: Vec<Assigned> = new
            .iter()
            .map(|partition| Assigned {
                partition: number(*partition),
                end: ends.get(partition).copied(),
            })
            .collect();
        shared.sink.assigned(&assigned);
    }

    /// The end offsets of these partitions, as far as they can be read in time.
    fn ends(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) -> BTreeMap<i32, i64> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            // The logical end is -1, and a question for the offset at time -1 is one for the end.
            // It fails only for numbers that have no meaning to librdkafka.
            drop(list.add_partition_offset(&self.0.options.topic, *partition, Offset::End));
        }
        match consumer.offsets_for_times(list, END_PATIENCE) {
            Err(error) => {
                self.0.trouble(&error);
                BTreeMap::new()
            }
            Ok(list) => list
                .elements()
                .iter()
                .filter_map(|one| match (one.error(), one.offset()) {
                    (Ok(()), Offset::Offset(end)) => Some((one.partition(), end)),
                    _ => None,
                })
                .collect(),
        }
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let shared = &*self.0;
        let gone: Vec<i32> = {
            let owned = lock(&shared.owned);
            partitions(list)
                .into_iter()
                .filter(|partition| owned.contains_key(partition))
                .collect()
        };
        if gone.is_empty() {
            return;
        }
        let numbers: Vec<u32> = gone.iter().copied().map(number).collect();
        if consumer.assignment_lost() {
            lock(&shared.owned).retain(|partition, _| !gone.contains(partition));
            return shared.sink.lost(&numbers);
        }
        let released = Arc::new(Latch::default());
        let release = Release::new({
            let released = Arc::clone(&released);
            move || released.open()
        });
        shared.sink.revoked(&numbers, release);
        if !released.wait(shared.revoke_patience()) {
            tracing::warn!(
                target: "kafka_rpc::librdkafka",
                partitions = ?numbers,
                "revoked partitions were not released in time"
            );
        }
        commit(consumer, shared, Some(&gone));
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => self.assigned(consumer, list),
            Rebalance::Revoke(list) => self.revoked(consumer, list),
            Rebalance::Error(error) => self.0.trouble(error),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        // Only partitions that are assigned can be paused.
        if let Rebalance::Assign(list) = rebalance
            && list.count() > 0
            && self.0.paused.load(Ordering::Acquire)
            && let Err(error) = consumer.pause(list)
        {
            self.0.trouble(&error);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let Err(error) = result else {
            return self.0.events.succeeded();
        };
        self.0.trouble(&error);
        // Noted again, for the next commit, unless more is noted by now.
        let mut owned = lock(&self.0.owned);
        for one in offsets.elements() {
            if let Offset::Offset(next) = one.offset()
                && let Some(noted) = owned.get_mut(&one.partition())
            {
                *noted = (*noted).max(Some(next));
            }
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.events.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.events.error(error, reason);
    }

    fn stats(&self, _: Statistics) {}

    fn stats_raw(&self, statistics: &[u8]) {
        self.0.events.stats_raw(statistics);
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
        let left = blocking::start("kafka-rpc-leave", move |reply| {
            shared.left.wait(patience);
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
