//! What happens to a member's partitions: hears of rebalances on the thread that polls, and answers
//! them.
//!
//! The group may give a member partitions of a topic that it hasn't subscribed to: a static member
//! that comes back gets what it had, whatever it subscribes to now. So topic names are compared, and
//! the answer names what is assigned here and nothing else: librdkafka takes one that names more for
//! none, and the group waits for another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, TopicPartitionList};
use rdkafka_sys::bindings::rd_kafka_resp_err_t as Code;

use crate::transport::kafka::admin::topics;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::consumer::commit;
use crate::transport::kafka::consumer::member::Shared;
use crate::transport::{Assigned, Release};
use crate::util::sync::lock;

/// How long an assignment waits for the end offsets of the new partitions.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// How long a revocation waits for its commit, while every partition of the member stands still.
const COMMIT_PATIENCE: Duration = Duration::from_secs(2);

/// The pause before a commit that failed is tried again.
const COMMIT_PAUSE: Duration = Duration::from_millis(20);

pub(in crate::transport::kafka) fn number(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(0)
}

/// The partitions of a list that are of this topic, and how many are of another.
fn of_topic(list: &TopicPartitionList, topic: &str) -> (Vec<i32>, usize) {
    let elements = list.elements();
    let own = elements.iter().filter(|one| one.topic() == topic);
    let own: Vec<i32> = own.map(|one| one.partition()).collect();
    let foreign = elements.len() - own.len();
    (own, foreign)
}

/// Gives a release to someone, and says what opens when it is dropped.
pub(in crate::transport::kafka) fn release() -> (Release, Arc<Latch>) {
    let released = Arc::new(Latch::default());
    let release = Release::new({
        let released = Arc::clone(&released);
        move || released.open()
    });
    (release, released)
}

/// The context of a member's consumer: hears of rebalances, on the thread that polls.
pub(in crate::transport::kafka) struct Context(pub(in crate::transport::kafka) Arc<Shared>);

impl Context {
    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let shared = &*self.0;
        let (mut new, foreign) = of_topic(list, &shared.options.topic);
        if foreign > 0 {
            shared.misassigned.store(true, Ordering::Release);
        }
        // To assign one twice is an error.
        new.retain(|partition| !lock(&shared.assigned).contains(partition));
        if !new.is_empty() {
            if let Some(forwarder) = shared.forwarder.get() {
                for partition in &new {
                    forwarder.forward_partition(consumer, &shared.options.topic, *partition);
                }
            }
            let ends = self.ends(consumer, &new);
            lock(&shared.offsets).own(&new);
            let assigned: Vec<Assigned> = new
                .iter()
                .map(|partition| Assigned {
                    partition: number(*partition),
                    end: ends.get(partition).copied(),
                })
                .collect();
            shared.sink.assigned(&assigned);
        }
        let list = shared.list(&new);
        let answered = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(&list),
        };
        match answered {
            Ok(()) => lock(&shared.assigned).extend(new),
            Err(error) => shared.trouble(&error),
        }
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
        let (listed, _) = of_topic(list, &shared.options.topic);
        let gone = lock(&shared.offsets).owned(&listed);
        self.give_up(consumer, &gone);
        // What is committed after this would count against the next owner.
        lock(&shared.offsets).disown(&listed);
        let mut assigned = lock(&shared.assigned);
        let have: Vec<i32> = listed
            .into_iter()
            .filter(|one| assigned.remove(one))
            .collect();
        drop(assigned);
        let answered = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(&shared.list(&have)),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
        };
        if let Err(error) = answered {
            shared.trouble(&error);
        }
    }

    /// Tells the sink that partitions go, and commits what it has done of them.
    fn give_up(&self, consumer: &BaseConsumer<Self>, gone: &[i32]) {
        let shared = &*self.0;
        if gone.is_empty() {
            return;
        }
        let numbers: Vec<u32> = gone.iter().copied().map(number).collect();
        if consumer.assignment_lost() {
            lock(&shared.offsets).disown(gone);
            return shared.sink.lost(&numbers);
        }
        let (release, released) = release();
        shared.sink.revoked(&numbers, release);
        if !released.wait(shared.revoke_patience()) {
            tracing::warn!(
                target: "kafka_rpc::librdkafka",
                partitions = ?numbers,
                "revoked partitions were not released in time"
            );
        }
        // A commit that is refused in a rebalance may be taken when that is over, or be refused for
        // good, since the partitions are lost.
        let until = Instant::now() + COMMIT_PATIENCE;
        let committed = commit::acknowledged(consumer, shared, gone, until, || {
            std::thread::sleep(COMMIT_PAUSE);
            !consumer.assignment_lost()
        });
        if !committed {
            tracing::warn!(
                target: "kafka_rpc::librdkafka",
                partitions = ?numbers,
                "what was done of revoked partitions can't be committed; another server may run \
                 it again"
            );
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: Code, list: &mut TopicPartitionList) {
        match code {
            Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assigned(consumer, list);
                self.0.assigned_anew.store(true, Ordering::Release);
            }
            Code::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => self.revoked(consumer, list),
            code => {
                self.0.trouble(&KafkaError::Rebalance(code.into()));
                self.revoked(consumer, list);
            }
        }
        self.0.rebalanced.store(true, Ordering::Release);
        self.0.answered.store(true, Ordering::Release);
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
