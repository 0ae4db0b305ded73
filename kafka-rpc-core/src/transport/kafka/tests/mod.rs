//! The transport against the embedded cluster, or against a real one where `KAFKA_RPC_BROKERS`
//! names it. Tests of what the embedded cluster can't do are passed over without a real one.

mod commits;
mod faults;
mod group;
mod hand_over;
mod listener;
mod producer;
mod recorder;
mod settings;
mod topics;

use std::io::Write as _;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use crate::transport::kafka::Kafka;
use crate::transport::kafka::client::clock::SystemClock;
use crate::transport::kafka::tests::recorder::{Done, Event, Read};
use crate::transport::sealed::Open;
use crate::transport::{
    Assigned, Clock, Delivery, Duplicates, Incoming, ListenerSink, Producer, Progress, Record,
    TopicSpec, Transport, TransportError,
};
use crate::util::park::block_on;
use crate::util::sync::lock;

pub(in crate::transport::kafka) use recorder::{Recorder, recorder};

/// How long a test waits for what must come.
pub(in crate::transport::kafka) const SOON: Duration = Duration::from_secs(30);

fn real_brokers() -> Option<String> {
    std::env::var("KAFKA_RPC_BROKERS").ok()
}

/// A cluster with topics that are deleted in the end.
pub(in crate::transport::kafka) struct Bed {
    pub(in crate::transport::kafka) kafka: Kafka,
    transport: Arc<dyn Transport>,
    real: bool,
    topics: Mutex<Vec<String>>,
}

impl Bed {
    pub(in crate::transport::kafka) fn new() -> Self {
        match real_brokers() {
            Some(brokers) => Self::with(Kafka::new(brokers), true),
            None => Self::embedded(),
        }
    }

    /// Never with a real cluster: one that the transport's own means can take down.
    pub(in crate::transport::kafka) fn embedded() -> Self {
        Self::with(
            Kafka::embedded().expect("the embedded cluster starts"),
            false,
        )
    }

    fn with(kafka: Kafka, real: bool) -> Self {
        Self {
            transport: kafka.open().expect("the settings are fine"),
            kafka,
            real,
            topics: Mutex::default(),
        }
    }

    /// Only with a real cluster; where there is none, says that the test is skipped.
    fn real() -> Option<Self> {
        if real_brokers().is_none() {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test");
            // Not by a macro, whose output a test that passes doesn't show.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: {test}: KAFKA_RPC_BROKERS isn't set"
            );
            return None;
        }
        Some(Self::new())
    }

    pub(in crate::transport::kafka) fn topic(&self, partitions: u32) -> String {
        let name = format!("kafka-rpc-test-{:016x}", fastrand::u64(..));
        self.create(&name, partitions);
        lock(&self.topics).push(name.clone());
        name
    }

    fn create(&self, name: &str, partitions: u32) {
        block_on(self.transport.create_topic(TopicSpec {
            name: name.to_owned(),
            partitions,
            replication: None,
            retention: Duration::from_secs(3600),
        }))
        .expect("the topic is created");
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new()
            .set("bootstrap.servers", self.kafka.0.brokers())
            .create()
            .expect("an admin client")
    }

    fn delete(&self, names: &[&str]) {
        for deleted in block_on(self.admin().delete_topics(names, &AdminOptions::new()))
            .expect("the broker answers")
        {
            deleted.expect("the topic is deleted");
        }
        for name in names {
            let until = Instant::now() + SOON;
            while block_on(self.transport.partitions(name, SOON))
                .expect("answers")
                .is_some()
            {
                assert!(Instant::now() < until, "{name} is still there");
            }
        }
    }

    pub(in crate::transport::kafka) fn producer(&self) -> (Arc<dyn Producer>, Heard) {
        let (recorder, heard) = recorder();
        let producer =
            block_on(self.transport.producer(Duplicates::Never, recorder)).expect("a producer");
        (producer, heard)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let topics = std::mem::take(&mut *lock(&self.topics));
        if self.real && !topics.is_empty() {
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            drop(block_on(
                self.admin().delete_topics(&names, &AdminOptions::new()),
            ));
        }
    }
}

pub(in crate::transport::kafka) struct Heard(mpsc::Receiver<Event>, Done);

impl Heard {
    /// The next event that `pick` takes; others are skipped.
    fn wait<T>(&self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let until = Instant::now() + SOON;
        let mut skipped = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.0.recv_timeout(left) {
                Ok(Event::Flush) if skipped.len() > 100 => {}
                Ok(event) => {
                    skipped.push(format!("{event:?}"));
                    if let Some(picked) = pick(event) {
                        return picked;
                    }
                }
                Err(_) => panic!("no {what} came, but {skipped:?}"),
            }
        }
    }

    fn record(&self) -> Read {
        self.wait("record", |event| match event {
            Event::Record(read) => Some(read),
            Event::Gap(lost) => panic!("a gap of {lost:?} instead of a record"),
            _ => None,
        })
    }

    fn value(&self) -> Vec<u8> {
        self.record().value.expect("a value")
    }

    fn gap(&self) -> Option<u64> {
        self.wait("gap", |event| match event {
            Event::Gap(lost) => Some(lost),
            _ => None,
        })
    }

    fn assigned(&self) -> Vec<Assigned> {
        self.wait("assignment", |event| match event {
            Event::Assigned(partitions) => Some(partitions),
            _ => None,
        })
    }

    fn revoked(&self) -> Vec<u32> {
        self.wait("revocation", |event| match event {
            Event::Revoked(partitions) => Some(partitions),
            _ => None,
        })
    }

    fn not_handed_over(&self) -> Vec<u32> {
        self.wait("failed hand-over", |event| match event {
            Event::NotHandedOver(partitions) => Some(partitions),
            _ => None,
        })
    }

    /// This is to be committed from now on, when the sink is asked or its partition is revoked.
    fn done(&self, partition: u32, next: i64, note: Option<&str>) {
        let progress = Progress {
            partition,
            next,
            note: note.map(str::to_owned),
        };
        lock(&self.1).insert(partition, progress);
    }

    fn delivery(&self) -> (u64, Delivery) {
        self.wait("delivery", |event| match event {
            Event::Delivered(token, delivery) => Some((token, delivery)),
            _ => None,
        })
    }
}

/// Produces a record and waits until it is in the log.
pub(in crate::transport::kafka) fn append(
    producer: &dyn Producer,
    heard: &Heard,
    topic: &str,
    partition: u32,
    value: &[u8],
) {
    producer
        .produce(record(topic, partition, value), 7)
        .expect("the record is taken");
    match heard.delivery() {
        (7, Delivery::Persisted) => {}
        other => panic!("not persisted but {other:?}"),
    }
}

pub(in crate::transport::kafka) fn record<'a>(
    topic: &'a str,
    partition: u32,
    value: &'a [u8],
) -> Record<'a> {
    Record {
        topic,
        partition,
        key: None,
        value,
        headers: &[],
        timestamp_ms: now_ms(),
        urgent: true,
    }
}

/// The time of new records. A broker deletes those that are older than the topic keeps them, and looks
/// for them every few minutes: a test whose records bear an old date fails when it does.
fn now_ms() -> i64 {
    SystemClock.wall_us().div_euclid(1_000)
}
