//! How the in-memory broker keeps the contract of a transport, and what its faults do.

#![allow(clippy::unwrap_used)]

mod clock;
mod groups;
mod listening;
mod nodes;
mod producing;
mod whole;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::transport::memory::{MemoryBroker, MemoryNode, MemoryRecord};
use crate::transport::sealed::Open;
use crate::transport::{
    Assigned, Delivery, DeliverySink, Duplicates, GroupOptions, GroupSink, Incoming, Listener,
    ListenerSink, Membership, Producer, Progress, Record, Transport, TransportError, Work,
};
use crate::util::sync::lock;

/// Writes down what it is told, in words, whatever kind of sink it is used as.
#[derive(Default)]
pub(super) struct Told {
    lines: Mutex<Vec<String>>,
    /// What is to be committed, by partition.
    done: Mutex<BTreeMap<u32, Progress>>,
}

impl Told {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn write(&self, line: String) {
        lock(&self.lines).push(line);
    }

    /// What was told since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.lines))
    }

    /// This is to be committed from now on, when the sink is asked or its partition is revoked.
    fn done(&self, partition: u32, next: i64, note: Option<&str>) {
        let progress = Progress {
            partition,
            next,
            note: note.map(str::to_owned),
        };
        lock(&self.done).insert(partition, progress);
    }

    fn note_record(&self, record: &Incoming<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let value = record.value.map_or("-".to_owned(), text);
        self.write(format!("{}@{} {value}", record.partition, record.offset));
    }
}

impl DeliverySink for Told {
    fn delivered(&self, token: u64, delivery: Delivery) {
        self.write(match delivery {
            Delivery::Persisted => format!("{token} persisted"),
            Delivery::NotPersisted(error) => format!("{token} not persisted {:?}", error.kind),
            Delivery::Unknown(error) => format!("{token} unknown {:?}", error.kind),
        });
    }
}

impl ListenerSink for Told {
    fn record(&self, record: Incoming<'_>) {
        self.note_record(&record);
    }

    fn gap(&self, lost: Option<u64>) {
        self.write(format!("gap {lost:?}"));
    }

    fn trouble(&self, error: TransportError) {
        self.write(format!("trouble {:?}", error.kind));
    }
}

impl GroupSink for Told {
    fn assigned(&self, partitions: &[Assigned]) {
        let ends = |new: &Assigned| (new.partition, new.end.unwrap());
        let ends: Vec<_> = partitions.iter().map(ends).collect();
        self.write(format!("assigned {ends:?}"));
        for new in partitions {
            let committed = new.committed.as_ref();
            if let Some(note) = committed.and_then(|committed| committed.note.as_ref()) {
                self.write(format!("note of {}: {note:?}", new.partition));
            }
        }
    }

    fn revoked(&self, partitions: &[u32]) -> Vec<Progress> {
        self.write(format!("revoked {partitions:?}"));
        let done = &mut *lock(&self.done);
        let last = partitions.iter();
        last.filter_map(|partition| done.remove(partition))
            .collect()
    }

    fn not_handed_over(&self, partitions: &[u32]) {
        self.write(format!("not handed over {partitions:?}"));
    }

    fn progress(&self) -> Vec<Progress> {
        lock(&self.done).values().cloned().collect()
    }

    fn lost(&self, partitions: &[u32]) {
        self.write(format!("lost {partitions:?}"));
    }

    fn record(&self, record: Incoming<'_>) -> Option<Box<dyn Work>> {
        self.note_record(&record);
        None
    }

    fn flush(&self) {}

    fn trouble(&self, error: TransportError) {
        self.write(format!("trouble {:?}", error.kind));
    }
}

/// Lets every task run until it waits: paused time moves on only then.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn broker(topic: &str, partitions: u32) -> MemoryBroker {
    let broker = MemoryBroker::new();
    broker.create_topic(topic, partitions).unwrap();
    broker
}

fn append(broker: &MemoryBroker, topic: &str, partition: u32, value: &str) -> i64 {
    let record = MemoryRecord {
        value: Some(value.into()),
        ..MemoryRecord::default()
    };
    broker.append(topic, partition, record).unwrap()
}

fn values(broker: &MemoryBroker, topic: &str, partition: u32) -> Vec<String> {
    let records = broker.records(topic, partition).unwrap().into_iter();
    let text = |record: MemoryRecord| String::from_utf8(record.value.unwrap()).unwrap();
    records.map(text).collect()
}

fn transport(node: &MemoryNode) -> Arc<dyn Transport> {
    node.open().unwrap()
}

async fn producer(node: &MemoryNode, sink: &Arc<Told>) -> Arc<dyn Producer> {
    transport(node)
        .producer(Duplicates::Never, Arc::clone(sink) as _)
        .await
        .unwrap()
}

fn produce(
    producer: &Arc<dyn Producer>,
    topic: &str,
    value: &str,
    token: u64,
) -> Result<(), TransportError> {
    let record = Record {
        topic,
        partition: 0,
        key: None,
        value: value.as_bytes(),
        headers: &[],
        timestamp_ms: 0,
        urgent: true,
    };
    producer.produce(record, token)
}

async fn listen(node: &MemoryNode, topic: &str, sink: &Arc<Told>) -> Box<dyn Listener> {
    let sink = Arc::clone(sink) as _;
    transport(node).listen(topic, 0, sink).await.unwrap()
}

fn options(topic: &str) -> GroupOptions {
    GroupOptions {
        group: "g".to_owned(),
        topic: topic.to_owned(),
        instance: None,
    }
}

async fn join(node: &MemoryNode, topic: &str, sink: &Arc<Told>) -> Arc<dyn Membership> {
    let sink = Arc::clone(sink) as _;
    transport(node).join(options(topic), sink).await.unwrap()
}

/// Commits this, as soon as it may.
async fn commit(member: &Arc<dyn Membership>, told: &Told, partition: u32, next: i64) {
    told.done(partition, next, None);
    member.progressed();
    tokio::time::sleep(Duration::from_millis(201)).await;
}

fn alive() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

#[test]
fn works_without_a_runtime() {
    use crate::util::park::block_on;
    let broker = broker("t", 1);
    let told = Told::new();
    let node = broker.main_node();
    let _listener = block_on(listen(&node, "t", &told));
    let producer = block_on(producer(&node, &Told::new()));
    produce(&producer, "t", "hello", 1).unwrap();
    block_on(producer.flush(Duration::from_secs(10)));
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while lock(&told.lines).is_empty() && std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(told.take(), ["0@0 hello"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_everything_leaves_no_task() {
    let before = alive();
    let broker = broker("t", 2);
    let other = broker.node("other");
    let told = Told::new();
    let held = (
        listen(&other, "t", &told).await,
        join(&broker.main_node(), "t", &told).await,
        join(&other, "t", &told).await,
        producer(&other, &told).await,
    );
    settle().await;
    produce(&held.3, "t", "x", 1).unwrap();
    other.freeze();
    produce(&held.3, "t", "y", 2).unwrap();
    other.crash();
    assert!(alive() > before);
    drop(held);
    drop((broker, other));
    settle().await;
    assert_eq!(alive(), before);
}

#[test]
fn everything_is_ready_at_the_first_poll() {
    use std::task::{Context, Poll, Waker};
    fn now<T>(mut future: crate::transport::BoxFuture<T>) -> T {
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("not ready"),
        }
    }
    let broker = broker("t", 3);
    let transport = transport(&broker.main_node());
    let told = Told::new();
    assert_eq!(
        now(transport.partitions("t", Duration::ZERO)).unwrap(),
        Some(3)
    );
    assert_eq!(
        now(transport.partitions("u", Duration::ZERO)).unwrap(),
        None
    );
    now(transport.producer(Duplicates::Never, Arc::clone(&told) as _)).unwrap();
    now(transport.listen("t", 2, Arc::clone(&told) as _)).unwrap();
    now(transport.join(options("t"), Arc::clone(&told) as _)).unwrap();
    let topic = crate::transport::TopicSpec {
        name: "u".to_owned(),
        partitions: 1,
        replication: None,
        retention: Duration::from_secs(1),
    };
    now(transport.create_topic(topic.clone())).unwrap();
    now(transport.create_topic(topic)).unwrap();
    assert_eq!(
        now(transport.partitions("u", Duration::ZERO)).unwrap(),
        Some(1)
    );
}
