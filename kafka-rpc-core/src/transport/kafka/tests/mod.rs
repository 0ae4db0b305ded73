//! The transport against the embedded cluster, or against a real one where `KAFKA_RPC_BROKERS`
//! names it. Tests of what the embedded cluster can't do are passed over without a real one.

mod commits;
mod faults;
mod group;
mod listener;
mod producer;
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
use crate::transport::sealed::Open;
use crate::transport::{
    Assigned, Clock, Delivery, DeliverySink, Duplicates, GroupSink, Incoming, ListenerSink,
    Producer, Record, Release, TopicSpec, Transport, TransportError, Work,
};
use crate::util::park::block_on;
use crate::util::sync::lock;

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

/// What any sink was told.
#[derive(Debug)]
enum Event {
    Delivered(u64, Delivery),
    Record(Read),
    Gap(Option<u64>),
    Trouble(TransportError),
    Assigned(Vec<Assigned>),
    Revoked(Vec<u32>, Option<Release>),
    Lost(Vec<u32>),
    Flush,
}

#[derive(Debug, PartialEq, Eq)]
struct Read {
    partition: u32,
    offset: i64,
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

pub(in crate::transport::kafka) struct Recorder {
    events: Mutex<mpsc::Sender<Event>>,
    /// Whether a test wants to hold revocations open itself.
    holds: bool,
}

impl Recorder {
    fn tell(&self, event: Event) {
        // A test that has seen enough listens no more.
        drop(lock(&self.events).send(event));
    }
}

pub(in crate::transport::kafka) fn recorder() -> (Arc<Recorder>, Heard) {
    recorder_that(false)
}

fn recorder_that(holds: bool) -> (Arc<Recorder>, Heard) {
    let (sender, events) = mpsc::channel();
    let events_in = Mutex::new(sender);
    let recorder = Recorder {
        events: events_in,
        holds,
    };
    (Arc::new(recorder), Heard(events))
}

fn read(record: &Incoming<'_>) -> Read {
    let mut headers = Vec::new();
    record
        .headers
        .each(&mut |name, value| headers.push((name.to_owned(), value.to_vec())));
    Read {
        partition: record.partition,
        offset: record.offset,
        timestamp_ms: record.timestamp_ms,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers,
    }
}

impl DeliverySink for Recorder {
    fn delivered(&self, token: u64, delivery: Delivery) {
        self.tell(Event::Delivered(token, delivery));
    }
}

impl ListenerSink for Recorder {
    fn record(&self, record: Incoming<'_>) {
        self.tell(Event::Record(read(&record)));
    }

    fn gap(&self, lost: Option<u64>) {
        self.tell(Event::Gap(lost));
    }

    fn trouble(&self, error: TransportError) {
        self.tell(Event::Trouble(error));
    }
}

impl GroupSink for Recorder {
    fn assigned(&self, partitions: &[Assigned]) {
        self.tell(Event::Assigned(partitions.to_vec()));
    }

    fn revoked(&self, partitions: &[u32], release: Release) {
        self.tell(Event::Revoked(
            partitions.to_vec(),
            self.holds.then_some(release),
        ));
    }

    fn lost(&self, partitions: &[u32]) {
        self.tell(Event::Lost(partitions.to_vec()));
    }

    fn record(&self, record: Incoming<'_>) -> Option<Box<dyn Work>> {
        self.tell(Event::Record(read(&record)));
        None
    }

    fn flush(&self) {
        self.tell(Event::Flush);
    }

    fn trouble(&self, error: TransportError) {
        self.tell(Event::Trouble(error));
    }
}

pub(in crate::transport::kafka) struct Heard(mpsc::Receiver<Event>);

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

    fn revoked(&self) -> (Vec<u32>, Option<Release>) {
        self.wait("revocation", |event| match event {
            Event::Revoked(partitions, release) => Some((partitions, release)),
            _ => None,
        })
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
