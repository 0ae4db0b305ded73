//! Appends records, and tells what became of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::statistics::Statistics;

use super::blocking::{self, Reply};
use super::clients::Settings;
use super::events::Events;
use super::reports::{Lull, Reports};
use super::{errors, ffi};
use crate::sync::lock;
use crate::transport::{
    BoxFuture, Delivery, DeliverySink, Duplicates, Producer, Record, TransportError,
    TransportErrorKind,
};

/// How long reports are heard of at once, before it is looked whether anybody still waits for one.
const PROMPT_ROUND: Duration = Duration::from_millis(5);

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

// Tokens travel through librdkafka as pointers.
const _: () = assert!(usize::BITS >= u64::BITS, "tokens need 64-bit pointers");

pub(super) fn open(
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
        reports: Reports::default(),
        prompt: AtomicBool::new(true),
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
        shared.hear(client, &mut lull);
        if shared.closed.load(Ordering::Acquire) {
            // The handle is gone, and with it whoever could take another clone.
            let slot = &shared.slot;
            slot.write().unwrap_or_else(PoisonError::into_inner).take();
            shared.prompt.store(true, Ordering::Relaxed);
            wait_for_reports(client, LAST_WORDS);
            retire(client);
        } else if made.elapsed() >= SHORTEST_LIFE && fatal_error(client).is_some() {
            replace(settings, &shared, client);
            made = Instant::now();
        }
    }
}

type Connected = Arc<ffi::Sender<Deliveries>>;

fn connect(settings: &Settings, shared: &Arc<Shared>) -> Result<Connected, TransportError> {
    settings
        .producer(shared.duplicates)
        .create_with_context(Deliveries(Arc::clone(shared)))
        .map(|client| Arc::new(ffi::Sender::new(client)))
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

/// Why a client can't produce any more, if so.
fn fatal_error(client: &BaseProducer<Deliveries>) -> Option<TransportError> {
    let (code, reason) = client.client().fatal_error()?;
    let doing = format!("the producer ended ({reason})");
    Some(errors::from_code(&doing, code))
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

/// What a producer's client, its thread and its handle share.
struct Shared {
    events: Events,
    duplicates: Duplicates,
    sink: Arc<dyn DeliverySink>,
    reports: Reports,
    /// Whether each report is told by itself, as soon as it is heard.
    prompt: AtomicBool,
    /// The records that were reported to be in the log, and not yet told.
    batch: Mutex<Vec<u64>>,
    /// The client, until the handle is closed. Clients refer to this, and this to them: the thread
    /// takes the last one out.
    slot: RwLock<Option<Connected>>,
    /// While a client that was replaced gives up its records: why it ended.
    ended: Mutex<Option<TransportError>>,
    closed: AtomicBool,
}

impl Shared {
    fn client(&self) -> Option<Connected> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        slot.clone()
    }

    /// Hears reports for a while: as long as somebody waits for one, else what there is by now.
    fn hear(&self, client: &BaseProducer<Deliveries>, lull: &mut Lull) {
        if self.reports.is_awaited() {
            self.prompt.store(true, Ordering::Relaxed);
            client.poll(PROMPT_ROUND);
            return;
        }
        self.prompt.store(false, Ordering::Relaxed);
        // A poll takes one event and doesn't tell whether there was one.
        loop {
            let heard = lock(&self.batch).len();
            client.poll(Duration::ZERO);
            if lock(&self.batch).len() == heard {
                break;
            }
        }
        self.tell();
        let closed = || self.closed.load(Ordering::Acquire);
        self.reports.rest(lull, closed);
    }

    /// Tells the reports that were heard.
    fn tell(&self) {
        let mut batch = lock(&self.batch);
        if !batch.is_empty() {
            self.events.forget();
            self.sink.persisted(&batch);
            self.reports.remove(batch.len() as u64);
            batch.clear();
        }
    }

    /// A record that a fatal error ended is only said to be purged; this says why.
    fn explain(&self, error: TransportError, code: Option<RDKafkaErrorCode>) -> TransportError {
        match code {
            Some(
                RDKafkaErrorCode::Fatal
                | RDKafkaErrorCode::PurgeQueue
                | RDKafkaErrorCode::PurgeInflight,
            ) => {
                let ended = lock(&self.ended).clone();
                ended
                    .or_else(|| fatal_error(self.client()?.client()))
                    .unwrap_or(error)
            }
            _ => self.events.explain(error),
        }
    }
}

/// The context of a producer's client: hears of deliveries.
struct Deliveries(Arc<Shared>);

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, token: usize) {
        let shared = &*self.0;
        let delivery = match result {
            Ok(_) if !shared.prompt.load(Ordering::Relaxed) => {
                return lock(&shared.batch).push(token as u64);
            }
            Ok(_) => {
                shared.events.forget();
                Delivery::Persisted
            }
            Err((error, message)) => {
                let code = error.rdkafka_error_code();
                let error = errors::from_kafka("the record was not delivered", error);
                let error = shared.explain(error, code);
                if ffi::certainly_not_persisted(message) {
                    Delivery::NotPersisted(error)
                } else {
                    Delivery::Unknown(error)
                }
            }
        };
        shared.sink.delivered(token as u64, delivery);
        shared.reports.remove(1);
    }
}

impl ClientContext for Deliveries {
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

/// The handle of a producer. The client itself is only ever dropped by its thread.
struct KafkaProducer(Arc<Shared>);

impl Producer for KafkaProducer {
    fn produce(&self, record: Record<'_>, token: u64) -> Result<(), TransportError> {
        let shared = &*self.0;
        // Counted first: the report may come before `send` returns.
        shared.reports.add(record.urgent);
        let slot = shared.slot.read().unwrap_or_else(PoisonError::into_inner);
        let sent = match &*slot {
            Some(sender) => send(sender, &record, token as usize).map_err(|error| {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
                    && let Some(cause) = fatal_error(sender.client())
                {
                    return cause;
                }
                let doing = format!("can't produce to {}/{}", record.topic, record.partition);
                errors::from_kafka(&doing, &error)
            }),
            None => Err(TransportError::new(
                TransportErrorKind::Closed,
                "the producer is closed",
            )),
        };
        if sent.is_err() {
            shared.reports.remove(1);
        }
        sent
    }

    fn flush(&self, patience: Duration) -> BoxFuture<()> {
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

fn send(
    sender: &ffi::Sender<Deliveries>,
    record: &Record<'_>,
    token: usize,
) -> Result<(), KafkaError> {
    let partition = i32::try_from(record.partition).unwrap_or(i32::MAX);
    if record.headers.is_empty() {
        let (key, timestamp_ms) = (record.key, record.timestamp_ms);
        return sender.produce(
            record.topic,
            partition,
            key,
            record.value,
            timestamp_ms,
            token,
        );
    }
    let mut message = BaseRecord::with_opaque_to(record.topic, token)
        .partition(partition)
        .payload(record.value)
        .timestamp(record.timestamp_ms)
        .headers(headers(record.headers));
    if let Some(key) = record.key {
        message = message.key(key);
    }
    sender.client().send(message).map_err(|(error, _)| error)
}

fn headers(headers: &[(String, Vec<u8>)]) -> OwnedHeaders {
    headers.iter().fold(
        OwnedHeaders::new_with_capacity(headers.len()),
        |all, (key, value)| {
            all.insert(Header {
                key,
                value: Some(value),
            })
        },
    )
}
