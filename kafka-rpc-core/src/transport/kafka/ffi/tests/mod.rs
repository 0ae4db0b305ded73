//! The order in which owners and what they gave out are dropped, with records pending and callbacks
//! under way. These tests say little by themselves: run them with an address sanitizer, as
//! CONTRIBUTING.md says.

mod requests;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::Instant;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use crate::transport::kafka::ffi::{Alerted, Committer, Consumer, Polled, Producer};
use crate::transport::kafka::tests::{Bed, SOON};

/// As many partitions as a consumer of these tests reads.
const PARTITIONS: i32 = 3;

const GROUP: &str = "a-group";

/// Counts alerts, and takes long enough over each that drops meet it.
#[derive(Default)]
struct Alerts(AtomicUsize);

impl Alerted for Alerts {
    fn alert(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
    }
}

/// The context of both kinds of client. As a member's does, it commits what is revoked.
#[derive(Default)]
struct Context {
    committer: OnceLock<Committer>,
    reported: AtomicU64,
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let (Rebalance::Revoke(list), Some(committer)) = (rebalance, self.committer.get()) {
            let mut offsets = (*list).clone();
            offsets
                .set_all_offsets(Offset::Offset(1))
                .expect("an offset");
            committer.with(consumer, |commits| drop(commits.begin(&offsets)));
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, _: &DeliveryResult<'_>, _: usize) {
        self.reported.fetch_add(1, Ordering::SeqCst);
    }
}

struct World {
    bed: Bed,
    topic: String,
}

impl World {
    fn new() -> Self {
        let bed = Bed::embedded();
        let topic = bed.topic(PARTITIONS.cast_unsigned());
        Self { bed, topic }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bed.kafka.0.brokers())
            .set("group.id", GROUP)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("linger.ms", "0");
        config
    }

    fn producer(&self) -> (Producer<Context>, Arc<Alerts>) {
        let client: BaseProducer<Context> = self
            .config()
            .create_with_context(Context::default())
            .expect("a producer");
        let alerts = Arc::new(Alerts::default());
        let producer = Producer::new(client, Arc::clone(&alerts) as _).expect("a queue");
        (producer, alerts)
    }

    fn client(&self) -> BaseConsumer<Context> {
        self.config()
            .create_with_context(Context::default())
            .expect("a consumer")
    }

    /// A consumer that is assigned all partitions, by itself or by its group.
    fn consumer(&self, joins: bool) -> (Consumer<Context>, Arc<Alerts>) {
        let consumer = Consumer::new(self.client(), &self.topic).expect("a queue");
        let alerts = Arc::new(Alerts::default());
        consumer.alert(Arc::clone(&alerts) as _);
        let client = consumer.client();
        if joins {
            assert!(client.context().committer.set(consumer.committer()).is_ok());
            client.subscribe(&[&self.topic]).expect("subscribed");
        } else {
            client
                .assign(&self.partitions(Offset::Beginning))
                .expect("assigned");
            for partition in 0..PARTITIONS {
                consumer.forward_partition(&self.topic, partition);
            }
        }
        (consumer, alerts)
    }

    /// All partitions, at this offset.
    fn partitions(&self, offset: Offset) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(&self.topic, partition, offset)
                .expect("an offset");
        }
        list
    }

    /// Has a commit and questions of both kinds under way.
    fn ask(&self, consumer: &Consumer<Context>, number: usize) {
        let offsets = self.partitions(Offset::Offset(1));
        let begun = consumer
            .committer()
            .with(consumer.client(), |commits| commits.begin(&offsets));
        begun.expect("its own").expect("begun");
        let positions = consumer.positions();
        positions.ask_committed(&offsets, number);
        positions.ask_ends(&self.partitions(Offset::End), number);
    }

    fn produce(&self, producer: &Producer<Context>, count: usize) {
        for token in 0..count {
            let partition = i32::try_from(token).unwrap_or(0) % PARTITIONS;
            producer
                .produce(&self.topic, partition, Some(b"key"), &[1; 100], 0, token)
                .expect("taken");
        }
    }
}

/// Hands on one record.
fn read(consumer: &mut Consumer<Context>) {
    let until = Instant::now() + SOON;
    while !matches!(consumer.poll(SOON, |_| ()), Polled::Record(())) {
        assert!(Instant::now() < until, "no record came");
    }
}

/// Every order in which `count` things can be dropped.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let longer = |order: &Vec<usize>| {
        let order = order.clone();
        (0..count).map(move |place| {
            let mut order = order.clone();
            order.insert(place, count - 1);
            order
        })
    };
    shorter.iter().flat_map(longer).collect()
}

#[test]
fn orders_are_all_there_are() {
    let mut all = orders(4);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 24);
}

#[test]
fn everything_that_is_given_out_may_be_dropped_in_any_order() {
    let world = World::new();
    for order in orders(4) {
        let (producer, reports) = world.producer();
        world.produce(&producer, 30);
        let (mut consumer, alerts) = world.consumer(false);
        // Some records are taken, some wait in the queue, others are on their way.
        read(&mut consumer);
        world.produce(&producer, 30);
        let committer = consumer.committer();
        world.ask(&consumer, 1);
        let mut things: Vec<Option<Box<dyn std::any::Any>>> = vec![
            Some(Box::new(producer)),
            Some(Box::new(consumer)),
            Some(Box::new(committer)),
            Some(Box::new((reports, alerts))),
        ];
        for index in order {
            things[index] = None;
        }
    }
}

#[test]
fn a_consumer_may_be_dropped_while_records_come_and_alert() {
    let world = World::new();
    let (producer, _) = world.producer();
    world.produce(&producer, 30);
    for round in 0..20 {
        let (mut consumer, alerts) = world.consumer(false);
        for _ in 0..=round {
            read(&mut consumer);
        }
        world.ask(&consumer, round);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                for _ in 0..10 {
                    world.produce(&producer, 3);
                    while producer.poll_event(|_| {}) {}
                }
            });
            start.wait();
            drop(consumer);
        });
        assert!(alerts.0.load(Ordering::SeqCst) > 0);
        // Nothing calls what a queue was given any more.
        assert_eq!(Arc::strong_count(&alerts), 1);
    }
}

#[test]
fn a_member_may_be_dropped_with_records_taken_and_its_committer_in_use() {
    let world = World::new();
    let (producer, _) = world.producer();
    world.produce(&producer, 60);
    let (mut consumer, _) = world.consumer(true);
    read(&mut consumer);
    world.ask(&consumer, 1);
    // Closing it revokes its partitions, which runs the context once more.
    drop(consumer);
}

#[test]
fn a_panic_in_a_visit_gives_the_record_back_once() {
    let world = World::new();
    let (producer, _) = world.producer();
    world.produce(&producer, 3);
    let (mut consumer, _) = world.consumer(false);
    read(&mut consumer);
    let mut visits = 0;
    let visit = std::panic::AssertUnwindSafe(|| {
        while matches!(
            consumer.poll(SOON, |_| {
                visits += 1;
                std::panic::resume_unwind(Box::new(()))
            }),
            Polled::Nothing
        ) {}
    });
    assert!(std::panic::catch_unwind(visit).is_err());
    assert_eq!(visits, 1);
    read(&mut consumer);
}

#[test]
fn a_producer_may_be_dropped_with_records_reports_and_topics_at_hand() {
    let world = World::new();
    for heard in [false, true] {
        let (producer, alerts) = world.producer();
        world.produce(&producer, 100);
        if heard {
            let until = Instant::now() + SOON;
            while !producer.poll_event(|report| assert!(report.failure.is_none())) {
                assert!(Instant::now() < until, "nothing is reported");
            }
        }
        let context = Arc::clone(producer.client().client().context());
        drop(producer);
        assert_eq!(Arc::strong_count(&alerts), 1);
        // What wasn't reported by then was while it was torn down.
        assert!(heard || context.reported.load(Ordering::SeqCst) > 0);
    }
}

#[test]
fn clients_may_outlive_their_cluster() {
    let world = World::new();
    let (producer, _) = world.producer();
    world.produce(&producer, 30);
    let (mut consumer, _) = world.consumer(false);
    read(&mut consumer);
    let cluster = world.bed.kafka.0.embedded().expect("embedded").client();
    let cluster = cluster.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("goes down");
    world.produce(&producer, 30);
    drop(consumer);
    drop(producer);
}

#[test]
fn a_consumer_without_a_group_has_no_queue() {
    let world = World::new();
    let client: BaseConsumer<Context> = ClientConfig::new()
        .set("bootstrap.servers", world.bed.kafka.0.brokers())
        .create_with_context(Context::default())
        .expect("a client");
    let error = Consumer::new(client, &world.topic).err().expect("no queue");
    assert!(error.to_string().contains("group.id"), "{error}");
}

#[test]
fn a_name_that_librdkafka_cannot_take_makes_no_consumer() {
    let world = World::new();
    assert!(Consumer::new(world.client(), "a\0b").is_err());
}

/// Were the wait to end by its time alone, this would take as long.
#[test]
fn a_record_or_an_event_ends_the_wait_for_either() {
    let world = World::new();
    let (producer, _) = world.producer();
    let (mut consumer, _) = world.consumer(false);
    world.produce(&producer, 1);
    let start = Instant::now();
    read(&mut consumer);
    // Nothing is left, so that these wait.
    thread::scope(|scope| {
        scope.spawn(|| world.produce(&producer, 1));
        read(&mut consumer);
    });
    let cluster = world.bed.kafka.0.embedded().expect("embedded").client();
    let cluster = cluster.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("goes down");
    while !matches!(consumer.poll(SOON, |_| ()), Polled::Error(_)) {}
    assert!(start.elapsed() < SOON / 2, "{:?}", start.elapsed());
}
