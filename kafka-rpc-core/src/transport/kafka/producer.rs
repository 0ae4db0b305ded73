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
use super::window::{Passed, Windows};
use super::{errors, ffi};
use crate::sync::lock;
use crate::transport::{
    BoxFuture, Delivery, DeliverySink, Duplicates, MAX_TOKEN, Producer, Record, TransportError,
    TransportErrorKind,
};

/// A batch of reports leaves its memory to the next one if it is no more than for so many.
const SPARE_REPORTS: usize = 4_096;

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
        reports: Arc::default(),
        windows: Windows::default(),
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

type Connected = Arc<ffi::Sender<Deliveries>>;

fn connect(settings: &Settings, shared: &Arc<Shared>) -> Result<Connected, TransportError> {
    settings
        .producer(shared.duplicates)
        .create_with_context(Deliveries(Arc::clone(shared)))
        .map(|client| Arc::new(ffi::Sender::new(client, Arc::clone(&shared.reports) as _)))
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
    reports: Arc<Reports>,
    windows: Windows,
    /// What travelled with the records that were reported to be in the log, and not yet told.
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
        self.reports.attend();
        // Whoever held records back may be held up itself.
        if lull.was_held(self.windows.is_held()) {
            self.unhold();
        }
        // A poll takes one event and doesn't tell whether there was one.
        loop {
            client.poll(Duration::ZERO);
            if !self.tell() {
                break;
            }
        }
        self.reports.rest(
            lull,
            || self.windows.keep_any(),
            || self.closed.load(Ordering::Acquire),
        );
    }

    /// Hands a record to the client.
    fn send(
        &self,
        sender: &ffi::Sender<Deliveries>,
        record: &Record<'_>,
        opaque: usize,
    ) -> Result<(), TransportError> {
        send(sender, record, opaque).map_err(|error| {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
                && let Some(cause) = fatal_error(sender.client())
            {
                return cause;
            }
            let doing = format!("can't produce to {}/{}", record.topic, record.partition);
            errors::from_kafka(&doing, &error)
        })
    }

    /// Records were reported, which may let others go.
    fn reported(&self, window: u16, count: usize) {
        let sender = self.client();
        let failed = self.windows.reported(window, count, |record, token| {
            let sender = sender.as_ref().ok_or_else(closed)?;
            self.send(sender, record, pack(window, record.urgent, token))
        });
        self.not_taken(failed);
    }

    /// Ends the holding back.
    fn unhold(&self) {
        let sender = self.client();
        // What is heard now lets more go, and spares the thread from being woken for it.
        if let Some(sender) = &sender {
            sender.client().poll(Duration::ZERO);
            self.tell();
        }
        let failed = self.windows.unhold(|window, record, token| {
            let sender = sender.as_ref().ok_or_else(closed)?;
            self.send(sender, record, pack(window, record.urgent, token))
        });
        self.not_taken(failed);
        if self.windows.keep_any() {
            self.reports.rouse_if_resting();
        }
    }

    /// Lets everything go that is kept back.
    fn release_all(&self, sender: &ffi::Sender<Deliveries>) {
        let failed = self.windows.release_all(|window, record, token| {
            self.send(sender, record, pack(window, record.urgent, token))
        });
        self.not_taken(failed);
    }

    /// Records that were kept back were not taken in the end.
    fn not_taken(&self, failed: Vec<(u64, TransportError)>) {
        for (token, error) in failed {
            self.sink.delivered(token, Delivery::NotPersisted(error));
            self.reports.remove(1);
        }
    }

    /// Tells the reports that were heard; says whether there were any.
    fn tell(&self) -> bool {
        let mut heard = std::mem::take(&mut *lock(&self.batch));
        if heard.is_empty() {
            return false;
        }
        self.events.forget();
        // First what others wait for.
        for batch in heard.chunk_by(|one, next| unpack(*one).0 == unpack(*next).0) {
            self.reported(unpack(batch[0]).0, batch.len());
        }
        for one in &mut heard {
            *one &= MAX_TOKEN;
        }
        self.sink.persisted(&heard);
        self.reports.remove(heard.len() as u64);
        // Its memory serves the next batch.
        heard.clear();
        let mut batch = lock(&self.batch);
        if batch.is_empty() && heard.capacity() <= SPARE_REPORTS {
            *batch = heard;
        }
        true
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

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let shared = &*self.0;
        let (window, urgent, token) = unpack(opaque as u64);
        match result {
            Ok(_) if !urgent => return lock(&shared.batch).push(opaque as u64),
            Ok(_) => {
                shared.events.forget();
                shared.sink.delivered(token, Delivery::Persisted);
                shared.reports.remove(1);
            }
            Err((error, message)) => {
                let code = error.rdkafka_error_code();
                let error = errors::from_kafka("the record was not delivered", error);
                let error = shared.explain(error, code);
                let delivery = if ffi::certainly_not_persisted(message) {
                    Delivery::NotPersisted(error)
                } else {
                    Delivery::Unknown(error)
                };
                shared.sink.delivered(token, delivery);
                shared.reports.remove(1);
            }
        }
        shared.reported(window, 1);
    }
}

/// What travels through librdkafka with a record: its window, whether its report is urgent, and its
/// token.
fn pack(window: u16, urgent: bool, token: u64) -> usize {
    debug_assert!(token <= MAX_TOKEN, "a token of so many bits");
    let urgent = usize::from(urgent) << 47;
    usize::from(window) << 48 | urgent | (token & MAX_TOKEN) as usize
}

/// The inverse of [`pack`].
fn unpack(opaque: u64) -> (u16, bool, u64) {
    let window = (opaque >> 48) as u16;
    (window, opaque >> 47 & 1 == 1, opaque & MAX_TOKEN)
}

fn closed() -> TransportError {
    TransportError::new(TransportErrorKind::Closed, "the producer is closed")
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
        // Cloned, since what is heard meanwhile may look for the client, too.
        let sender = shared.client().ok_or_else(closed)?;
        // Counted first: the report may come before `send` returns.
        shared.reports.add(record.urgent);
        let passed = shared.windows.pass(
            &record,
            token,
            || {
                sender.client().poll(Duration::ZERO);
                shared.tell();
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
