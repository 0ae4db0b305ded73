//! A sink of any kind that tells a test what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};

use crate::transport::kafka::tests::Heard;
use crate::transport::{
    Assigned, Delivery, DeliverySink, GroupSink, Incoming, ListenerSink, Progress, TransportError,
    Work,
};
use crate::util::sync::lock;

/// What any sink was told.
#[derive(Debug)]
pub(super) enum Event {
    Delivered(u64, Delivery),
    Record(Read),
    Gap(Option<u64>),
    Trouble(TransportError),
    Assigned(Vec<Assigned>),
    Revoked(Vec<u32>),
    NotHandedOver(Vec<u32>),
    Lost(Vec<u32>),
    Flush,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) partition: u32,
    pub(super) offset: i64,
    pub(super) timestamp_ms: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

/// What a sink wants to be committed, by partition.
pub(super) type Done = Arc<Mutex<BTreeMap<u32, Progress>>>;

pub(in crate::transport::kafka) struct Recorder {
    events: Mutex<mpsc::Sender<Event>>,
    done: Done,
    /// What the next record leads to.
    work: Mutex<Option<Working>>,
}

/// Lasts until the other end is dropped.
struct Working(mpsc::Receiver<()>);

impl Work for Working {
    fn run(self: Box<Self>, _: bool) {
        assert!(self.0.recv().is_err());
    }
}

impl Recorder {
    fn tell(&self, event: Event) {
        // A test that has seen enough listens no more.
        drop(lock(&self.events).send(event));
    }

    /// The next record leads to work that lasts until the other end is dropped.
    pub(in crate::transport::kafka) fn work(&self, working: mpsc::Receiver<()>) {
        *lock(&self.work) = Some(Working(working));
    }
}

pub(in crate::transport::kafka) fn recorder() -> (Arc<Recorder>, Heard) {
    let (sender, events) = mpsc::channel();
    let recorder = Arc::new(Recorder {
        events: Mutex::new(sender),
        done: Done::default(),
        work: Mutex::default(),
    });
    let done = Arc::clone(&recorder.done);
    (recorder, Heard(events, done))
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

    fn revoked(&self, partitions: &[u32]) -> Vec<Progress> {
        self.tell(Event::Revoked(partitions.to_vec()));
        let done = &mut *lock(&self.done);
        let last = partitions.iter();
        last.filter_map(|partition| done.remove(partition))
            .collect()
    }

    fn not_handed_over(&self, partitions: &[u32]) {
        self.tell(Event::NotHandedOver(partitions.to_vec()));
    }

    fn progress(&self) -> Vec<Progress> {
        lock(&self.done).values().cloned().collect()
    }

    fn lost(&self, partitions: &[u32]) {
        self.tell(Event::Lost(partitions.to_vec()));
    }

    fn record(&self, record: Incoming<'_>) -> Option<Box<dyn Work>> {
        self.tell(Event::Record(read(&record)));
        let work = lock(&self.work).take()?;
        Some(Box::new(work))
    }

    fn flush(&self) {
        self.tell(Event::Flush);
    }

    fn trouble(&self, error: TransportError) {
        self.tell(Event::Trouble(error));
    }
}
