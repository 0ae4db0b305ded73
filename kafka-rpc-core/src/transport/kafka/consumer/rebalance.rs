//! Hears of rebalances, on the thread that polls, and answers them at once.
//!
//! Librdkafka stops every partition of the member from the moment a rebalance begins until it is
//! answered, and the whole group waits for its slowest member. So nothing is waited for here, no
//! handler and no broker: new partitions are [read later](super::assign), and the last commit of those
//! that go is only handed to librdkafka, which doesn't answer the group before it has an answer itself.
//!
//! The group may give a member partitions of a topic that it hasn't subscribed to: a static member
//! that comes back gets what it had, whatever it subscribes to now. So topic names are compared, and
//! the answer names what is assigned here and nothing else: librdkafka takes one that names more for
//! none, and the group waits for another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, TopicPartitionList};
use rdkafka_sys::bindings::rd_kafka_resp_err_t as Code;

use super::commit;
use super::member::{Shared, number};
use crate::util::sync::lock;

/// The partitions of a list that are of this topic, and how many are of another.
fn of_topic(list: &TopicPartitionList, topic: &str) -> (Vec<i32>, usize) {
    let elements = list.elements();
    let own = elements.iter().filter(|one| one.topic() == topic);
    let own: Vec<i32> = own.map(|one| one.partition()).collect();
    let foreign = elements.len() - own.len();
    (own, foreign)
}

/// The context of a member's consumer: hears of rebalances, on the thread that polls.
pub(in crate::transport::kafka) struct Context(pub(in crate::transport::kafka) Arc<Shared>);

impl Context {
    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let shared = &*self.0;
        let (new, foreign) = of_topic(list, &shared.options.topic);
        if foreign > 0 {
            shared.misassigned.store(true, Ordering::Release);
        }
        lock(&shared.partitions).give(&new);
        // A member that joins others is given nothing at first, and would wait for a second before it
        // asks again. To subscribe once more has it ask as soon as this is answered.
        if !shared.joined.swap(true, Ordering::AcqRel)
            && list.count() == 0
            && let Err(error) = consumer.subscribe(&[&shared.options.topic])
        {
            shared.trouble(&error);
        }
        if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
            shared.trouble(&error);
        }
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let shared = &*self.0;
        let (listed, _) = of_topic(list, &shared.options.topic);
        // Also what is given up is committed before, and what is committed after that would count
        // against the next owner.
        let gone = lock(&shared.partitions).give_up(&listed);
        let numbers: Vec<u32> = gone.iter().copied().map(number).collect();
        if gone.is_empty() {
            // The answer may be empty, but has to be given.
        } else if consumer.assignment_lost() {
            shared.sink.lost(&numbers);
        } else {
            let last = shared.sink.revoked(&numbers);
            commit::last(consumer, shared, last);
        }
        if let Err(error) = consumer.incremental_unassign(&shared.list(&gone)) {
            shared.trouble(&error);
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
