//! Appends records, and tells what became of them.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};

use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::keeper::Keeper;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::ffi;
use crate::transport::kafka::producer::delivery::{Connected, Deliveries, Shared, fatal_error};
use crate::transport::kafka::producer::wakeup::IdleTracker;
use crate::transport::kafka::producer::watch;
use crate::transport::{
    BoxFuture, DeliverySink, Duplicates, Producer, Record, TopicsSink, TransportError,
    TransportErrorKind, Watch,
};
use crate::util::sync::lock;
use crate::util::throttle;

/// How long a first connection may take.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a closed producer still tries to deliver what it was handed, such as the cancels of the
/// calls that were dropped with their client.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a closed producer waits for the reports of the records that it gave up.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(5);

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
    let shared = Arc::new(Shared::new(settings, duplicates, sink));
    // Dropped after every client that this thread borrows from it.
    let mut keeper = Keeper::new();
    let client = match connect(settings, &shared, &mut keeper) {
        Ok(client) => client,
        Err(error) => return drop(reply.send(Err(error))),
    };
    if let Err(error) = warm_up(client.client(), &shared, &reply) {
        return drop(reply.send(Err(error)));
    }
    shared.set_client(Some(client));
    let handle = KafkaProducer(Arc::clone(&shared));
    let mut made = Instant::now();
    let mut idle = IdleTracker::default();
    // Where nobody waits any more, the handle is dropped here, and the loop ends at once.
    drop(reply.send(Ok(Arc::new(handle))));
    while let Some(sender) = shared.client() {
        let client = sender.client();
        shared.hear(&sender, &mut idle);
        if shared.closed.load(Ordering::Acquire) {
            shared.release_all(&sender);
            // The handle is gone, and with it whoever could look for the client later.
            shared.set_client(None);
            wait_for_reports(client, CLOSE_TIMEOUT);
            retire(client);
            shared.tell();
        } else if made.elapsed() >= SHORTEST_LIFE && fatal_error(client).is_some() {
            replace(settings, &shared, client, &mut keeper);
            made = Instant::now();
        }
        drop(sender);
        keeper.destroy_unused();
    }
    keeper.destroy_all();
}

fn connect(
    settings: &Settings,
    shared: &Arc<Shared>,
    keeper: &mut Keeper<ffi::Producer<Deliveries>>,
) -> Result<Connected, TransportError> {
    let config = settings.producer(shared.duplicates);
    ffi::with_batch_scheduling(|| config.create_with_context(Deliveries(Arc::clone(shared))))
        .and_then(|client| ffi::Producer::new(client, Arc::clone(&shared.reports) as _))
        .map(|client| keeper.keep(client))
        .map_err(|error| errors::from_creation(&error))
}

/// Connects, and waits until the idempotent producer has most likely got its id.
fn warm_up(
    client: &BaseProducer<Deliveries>,
    shared: &Shared,
    reply: &Reply<Arc<dyn Producer>>,
) -> Result<(), TransportError> {
    let until = Instant::now() + WARM_UP_TIMEOUT;
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
                format!("no broker answered within {WARM_UP_TIMEOUT:?}"),
            )));
        }
    }
    Ok(())
}

/// Puts a new client in the place of one that a fatal error ended.
fn replace(
    settings: &Settings,
    shared: &Arc<Shared>,
    old: &BaseProducer<Deliveries>,
    keeper: &mut Keeper<ffi::Producer<Deliveries>>,
) {
    let error = old.client().fatal_error();
    if let Some(suppressed) = throttle::pass(format_args!("producer: {error:?}")) {
        tracing::warn!(
            target: "kafka_rpc::librdkafka",
            ?error,
            suppressed,
            "a fatal error ended the producer, which is replaced"
        );
    }
    match connect(settings, shared, keeper) {
        Ok(new) => {
            *lock(&shared.ended) = fatal_error(old);
            shared.set_client(Some(new));
            retire(old);
            lock(&shared.ended).take();
        }
        Err(error) => {
            if let Some(suppressed) = error.pass_throttle("producer", "replaced") {
                tracing::warn!(
                    target: "kafka_rpc::librdkafka", %error, suppressed,
                    "can't replace the producer"
                );
            }
        }
    }
}

/// Gives up what a client hasn't delivered, and waits until all of it is reported.
fn retire(client: &BaseProducer<Deliveries>) {
    client.purge(PurgeConfig::default().queue().inflight());
    wait_for_reports(client, RETIRE_TIMEOUT);
}

fn wait_for_reports(client: &BaseProducer<Deliveries>, timeout: Duration) {
    let until = Instant::now() + timeout;
    while client.in_flight_count() > 0 && Instant::now() < until {
        client.poll(Duration::from_millis(1));
    }
}

/// The handle of a producer. Whatever it does with the client, it is the thread that destroys it.
struct KafkaProducer(Arc<Shared>);

impl Producer for KafkaProducer {
    fn produce(&self, record: Record<'_>, token: u64) -> Result<(), TransportError> {
        self.0.produce(&record, token)
    }

    fn hold(&self) -> bool {
        self.0.hold();
        true
    }

    fn release(&self) {
        self.0.unhold();
    }

    fn watch(
        &self,
        every: Duration,
        sink: Arc<dyn TopicsSink>,
    ) -> Result<Box<dyn Watch>, TransportError> {
        watch::start(&self.0, every, sink)
    }

    fn flush(&self, timeout: Duration) -> BoxFuture<()> {
        self.0.unhold();
        let shared = Arc::clone(&self.0);
        if shared.reports.is_zero() {
            return Box::pin(async {});
        }
        let flushed = blocking::start("kafka-rpc-flush", move |reply| {
            shared.reports.flush(timeout);
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
        self.0.reports.end_any_rest();
    }
}
