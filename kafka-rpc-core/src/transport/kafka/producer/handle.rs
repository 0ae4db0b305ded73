//! Appends records, and tells what became of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};

use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::ffi;
use crate::transport::kafka::producer::delivery::{
    Connected, Deliveries, Shared, closed, fatal_error, pack,
};
use crate::transport::kafka::producer::inflight::{Passed, Windows};
use crate::transport::kafka::producer::wakeup::Lull;
use crate::transport::{
    BoxFuture, DeliverySink, Duplicates, Producer, Record, TransportError, TransportErrorKind,
};
use crate::util::sync::lock;

/// How long a first connection may take.
const WARM_UP: Duration = Duration::from_secs(10);

/// How long a closed producer still tries to deliver what it was handed, such as the cancels of the
/// calls that were dropped with their client.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a closed producer waits for the reports of the records that it gave up.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a client is kept at least after a fatal error may have ended it: one that may not
/// produce anything is ended as soon as it connects, and its successors would be too.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

pub(in crate::transport::kafka) fn open(
    settings: &Arc<Settings>,
    duplicates: Duplicates,
    sink: Arc<dyn DeliverySink>,
) -> BoxFuture<Result<Arc<dyn Producer>, TransportError>> {
    let settings = Arc::clone(settings);
    blocking::start("kafka-rpc-producer", move |reply| {
        run(&settings, duplicates, sink, reply)
    })
}

/// The life of a producer's thread.
fn run(
    settings: &Arc<Settings>,
    duplicates: Duplicates,
    sink: Arc<dyn DeliverySink>,
    reply: Reply<Arc<dyn Producer>>,
) {
    let shared = Arc::new(Shared {
        events: Events::new(settings),
        duplicates,
        sink,
        reports: Arc::default(),
        windows: Windows::new(duplicates),
        batch: Mutex::default(),
        slot: RwLock::new(None),
        ended: Mutex::new(None),
        closed: AtomicBool::new(false),
    });
    let client = match connect(settings, &shared) {
        Ok(client) => client,
        Err(error) => return drop(reply.send(Err(error))),
    };
    if let Err(error) = warm_up(client.client(), &shared, &reply) {
        return drop(reply.send(Err(error)));
    }
    *shared.slot.write().unwrap_or_else(PoisonError::into_inner) = Some(client);
    let handle = KafkaProducer(Arc::clone(&shared));
    let mut made = Instant::now();
    let mut lull = Lull::default();
    // Where nobody waits any more, the handle is dropped here, and the loop ends at once.
    drop(reply.send(Ok(Arc::new(handle))));
    while let Some(sender) = shared.client() {
        let client = sender.client();
        shared.hear(&sender, &mut lull);
        if shared.closed.load(Ordering::Acquire) {
            shared.release_all(&sender);
            // The handle is gone, and with it whoever could take another clone.
            let slot = &shared.slot;
            slot.write().unwrap_or_else(PoisonError::into_inner).take();
            wait_for_reports(client, LAST_WORDS);
            retire(client);
            shared.tell();
        } else if made.elapsed() >= SHORTEST_LIFE && fatal_error(client).is_some() {
            replace(settings, &shared, client);
            made = Instant::now();
        }
    }
}

fn connect(settings: &Settings, shared: &Arc<Shared>) -> Result<Connected, TransportError> {
    let config = settings.producer(shared.duplicates);
    ffi::with_batch_scheduling(|| config.create_with_context(Deliveries(Arc::clone(shared))))
        .and_then(|client| ffi::Producer::new(client, Arc::clone(&shared.reports) as _))
        .map(Arc::new)
        .map_err(|error| errors::from_creation(&error))
}

/// Connects, and waits until the idempotent producer has most likely got its id.
fn warm_up(
    client: &BaseProducer<Deliveries>,
    shared: &Shared,
    reply: &Reply<Arc<dyn Producer>>,
) -> Result<(), TransportError> {
    let until = Instant::now() + WARM_UP;
    // The cluster's id comes with the first answer of a broker, which costs no topic's name.
    while client
        .client()
        .fetch_cluster_id(Duration::from_millis(50))
        .is_none()
    {
        client.poll(Duration::from_millis(1));
        if let Some(refused) = shared.events.refused() {
            return Err(refused);
        }
        if Instant::now() >= until || reply.is_abandoned() {
            return Err(shared.events.explain(TransportError::new(
                TransportErrorKind::Unavailable,
                format!("no broker answered within {WARM_UP:?}"),
            )));
        }
    }
    Ok(())
}

/// Puts a new client in the place of one that a fatal error ended.
fn replace(settings: &Settings, shared: &Arc<Shared>, old: &BaseProducer<Deliveries>) {
    tracing::warn!(
        target: "kafka_rpc::librdkafka",
        error = ?old.client().fatal_error(),
        "a fatal error ended the producer, which is replaced"
    );
    match connect(settings, shared) {
        Ok(new) => {
            *lock(&shared.ended) = fatal_error(old);
            *shared.slot.write().unwrap_or_else(PoisonError::into_inner) = Some(new);
            retire(old);
            lock(&shared.ended).take();
        }
        Err(error) => {
            tracing::warn!(target: "kafka_rpc::librdkafka", %error, "can't replace the producer");
        }
    }
}

/// Gives up what a client hasn't delivered, and waits until all of it is reported.
fn retire(client: &BaseProducer<Deliveries>) {
    client.purge(PurgeConfig::default().queue().inflight());
    wait_for_reports(client, FAREWELL);
}

fn wait_for_reports(client: &BaseProducer<Deliveries>, patience: Duration) {
    let until = Instant::now() + patience;
    while client.in_flight_count() > 0 && Instant::now() < until {
        client.poll(Duration::from_millis(1));
    }
}

/// The handle of a producer. The client itself is only ever dropped by its thread.
struct KafkaProducer(Arc<Shared>);

impl Producer for KafkaProducer {
    fn produce(&self, record: Record<'_>, token: u64) -> Result<(), TransportError> {
        let shared = &*self.0;
        // Cloned, since what is heard meanwhile may look for the client, too.
        let sender = shared.client().ok_or_else(closed)?;
        // Counted first: the report may come before `send` returns.
        shared.reports.add(record.urgent);
        let passed = shared.windows.pass(
            &record,
            token,
            || {
                shared.look(&sender);
            },
            |window| shared.send(&sender, &record, pack(window, record.urgent, token)),
        );
        match passed {
            Ok(Passed::Sent) => Ok(()),
            Ok(Passed::Kept) => {
                shared.reports.rouse_if_resting();
                Ok(())
            }
            Ok(Passed::Held(window)) => {
                // It may have been released just before this record was kept.
                if !shared.windows.is_held() {
                    shared.reported(window, 0);
                }
                Ok(())
            }
            Err(error) => {
                shared.reports.remove(1);
                Err(error)
            }
        }
    }

    fn hold(&self) -> bool {
        self.0.windows.hold();
        true
    }

    fn release(&self) {
        self.0.unhold();
    }

    fn flush(&self, patience: Duration) -> BoxFuture<()> {
        self.0.unhold();
        let shared = Arc::clone(&self.0);
        if shared.reports.is_zero() {
            return Box::pin(async {});
        }
        let flushed = blocking::start("kafka-rpc-flush", move |reply| {
            shared.reports.wait(patience);
            drop(reply.send(Ok(())));
        });
        Box::pin(async move {
            if let Err(error) = flushed.await {
                tracing::warn!(target: "kafka_rpc::librdkafka", %error, "can't wait for a flush");
            }
        })
    }
}

impl Drop for KafkaProducer {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.reports.rouse();
    }
}
