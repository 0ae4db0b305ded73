//! Those who hold records back against those who let them go.
//!
//! Each model says which orders in the code it pins: turn one round, and the model fails.

use std::sync::Arc;
use std::time::Duration;

use crate::transport::kafka::producer::inflight::*;
use crate::transport::{BoxFuture, Producer, TopicsSink, Watch};
use crate::util::sync::model::{check, thread};
use crate::util::sync::{Condvar, Mutex};

/// A producer over a log in place of librdkafka.
pub(crate) struct ModelProducer {
    in_flight: InFlight,
    log: Mutex<Vec<u64>, 60>,
    appended: Condvar,
    holds: AtomicUsize,
}

impl ModelProducer {
    pub(crate) fn new(duplicates: Duplicates) -> Arc<Self> {
        Arc::new(Self {
            in_flight: InFlight::new(duplicates),
            log: Mutex::default(),
            appended: Condvar::default(),
            holds: AtomicUsize::new(0),
        })
    }

    /// Produces a record with this token.
    pub(crate) fn send(&self, token: u64) {
        let record = Record {
            topic: "topic",
            partition: 0,
            key: None,
            value: b"value",
            headers: &[],
            timestamp_ms: 0,
            urgent: false,
        };
        self.produce(record, token).unwrap();
    }

    /// Waits until so many records are in the log.
    pub(crate) fn wait_for(&self, records: usize) {
        let mut log = lock(&self.log);
        while log.len() < records {
            log = self.appended.wait(log);
        }
    }

    /// How often it was told to hold.
    pub(crate) fn holds(&self) -> usize {
        self.holds.load(Ordering::SeqCst)
    }

    /// That nothing is kept back, and that these are in the log, in any order.
    pub(crate) fn assert_sent(&self, tokens: &[u64]) {
        assert!(
            !self.in_flight.keeps_any(),
            "a record is kept back for ever"
        );
        assert_eq!(self.in_flight.bytes.load(Ordering::SeqCst), 0);
        let mut log = lock(&self.log).clone();
        log.sort_unstable();
        assert_eq!(log, tokens);
    }

    /// A record was acknowledged.
    fn acknowledge(&self) {
        let refused = self
            .in_flight
            .on_reported(0, 1, |_, batch| self.append_all(batch));
        assert!(refused.is_empty());
    }

    fn append(&self, token: u64) {
        lock(&self.log).push(token);
        self.appended.notify_one();
    }

    fn append_all(&self, batch: &Batch<'_>) -> Refused {
        for (_, token) in batch.records() {
            self.append(token);
        }
        Vec::new()
    }
}

impl Producer for ModelProducer {
    fn produce(&self, record: Record<'_>, token: u64) -> Result<(), TransportError> {
        let send = |_| {
            self.append(token);
            Ok(())
        };
        if let Admission::Held(number) = self.in_flight.admit(&record, token, || {}, send)? {
            let refused = self
                .in_flight
                .let_go(number, |_, batch| self.append_all(batch));
            assert!(refused.is_empty());
        }
        Ok(())
    }

    fn hold(&self) -> bool {
        self.holds.fetch_add(1, Ordering::SeqCst);
        self.in_flight.hold();
        true
    }

    fn release(&self) {
        let refused = self.in_flight.unhold(|_, batch| self.append_all(batch));
        assert!(refused.is_empty());
    }

    fn watch(&self, _: Duration, _: Arc<dyn TopicsSink>) -> Result<Box<dyn Watch>, TransportError> {
        unreachable!("a model watches no topics")
    }

    fn flush(&self, _: Duration) -> BoxFuture<()> {
        Box::pin(async {})
    }
}

/// A record that comes just as the holding ends isn't left behind, nor if another holding begins at
/// once.
///
/// Pins that a held record is noted whether the holding is still on or not, and before the caller
/// looks at that again (`admit`, `let_go`); and that the holding ends before the notes are taken
/// (`unhold`).
#[test]
fn a_record_that_is_held_is_let_go() {
    check(None, || {
        let producer = ModelProducer::new(Duplicates::Harmless);
        let holder = thread::spawn({
            let producer = Arc::clone(&producer);
            move || {
                for _ in 0..2 {
                    producer.hold();
                    producer.release();
                }
            }
        });
        producer.send(1);
        holder.join().unwrap();
        producer.assert_sent(&[1]);
    });
}

/// Two callers who hold and release at once leave nothing behind.
#[test]
fn two_who_hold_leave_nothing_behind() {
    check(3, || {
        let producer = ModelProducer::new(Duplicates::Harmless);
        let other = thread::spawn({
            let producer = Arc::clone(&producer);
            move || {
                producer.hold();
                producer.send(1);
                producer.release();
            }
        });
        producer.hold();
        producer.send(2);
        producer.release();
        other.join().unwrap();
        producer.assert_sent(&[1, 2]);
    });
}

/// A record that waits for an acknowledgement goes with it, or with the end of the holding.
///
/// Pins that `on_reported` notes the partition before it looks again whether everything is held.
#[test]
fn a_record_that_waits_for_an_acknowledgement_goes() {
    check(3, || {
        let producer = ModelProducer::new(Duplicates::Never);
        producer.send(1);
        let broker = thread::spawn({
            let producer = Arc::clone(&producer);
            move || producer.acknowledge()
        });
        let holder = thread::spawn({
            let producer = Arc::clone(&producer);
            move || {
                producer.hold();
                producer.release();
            }
        });
        producer.send(2);
        broker.join().unwrap();
        holder.join().unwrap();
        producer.assert_sent(&[1, 2]);
    });
}

/// Records of one thread stay in order, whatever is held, released and acknowledged.
///
/// Pins that a record is kept while others are being handed over (`releasing`), and that it is sent
/// while the partition is locked.
#[test]
fn records_stay_in_order() {
    check(4, || {
        let producer = ModelProducer::new(Duplicates::Harmless);
        let holder = thread::spawn({
            let producer = Arc::clone(&producer);
            move || {
                producer.hold();
                producer.release();
            }
        });
        producer.send(1);
        producer.send(2);
        holder.join().unwrap();
        producer.assert_sent(&[1, 2]);
        assert_eq!(*lock(&producer.log), [1, 2]);
    });
}
