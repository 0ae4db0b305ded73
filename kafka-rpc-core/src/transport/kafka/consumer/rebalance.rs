//! What happens to a member's partitions: hears of rebalances on the thread that polls, and hands
//! commits to librdkafka.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::transport::kafka::admin::topics;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::consumer::group::Shared;
use crate::transport::{Assigned, Release};
use crate::util::sync::lock;

/// How long an assignment waits for the end offsets of the new partitions.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Commits what is noted, without waiting: for `only` these partitions, which are then no longer
/// owned, or for all.
///
/// librdkafka doesn't give partitions up, or close a consumer, before the commits that were handed
/// to it earlier are answered; so nothing has to wait here either.
pub(in crate::transport::kafka) fn commit(
    consumer: &BaseConsumer<Context>,
    shared: &Shared,
    only: Option<&[i32]>,
) {
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

pub(in crate::transport::kafka) fn number(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(0)
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(|one| one.partition()).collect()
}

/// The context of a member's consumer: hears of rebalances, on the thread that polls.
pub(in crate::transport::kafka) struct Context(pub(in crate::transport::kafka) Arc<Shared>);

impl Context {
    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let shared = &*self.0;
        let new = partitions(list);
        if new.is_empty() {
            return;
        }
        if let Some(forwarder) = shared.forwarder.get() {
            for partition in &new {
                forwarder.forward_partition(consumer, &shared.options.topic, *partition);
            }
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
        let found = topics::end_offsets(consumer, &self.0.options.topic, partitions, END_PATIENCE);
        found.unwrap_or_else(|error| {
            self.0.trouble(&error);
            BTreeMap::new()
        })
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

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let Err(error) = result else {
            return self.0.events.forget();
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
