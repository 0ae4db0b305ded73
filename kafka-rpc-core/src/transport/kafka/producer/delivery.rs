//! Hands a producer's records to its client, at once or when others have been reported, and tells the
//! sink what became of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka::statistics::Statistics;

use crate::transport::kafka::client::clock::SystemClock;
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::ffi;
use crate::transport::kafka::producer::inflight::{Admission, Batch, InFlight, Refused};
use crate::transport::kafka::producer::opaque::{pack, unpack};
use crate::transport::kafka::producer::wakeup::{IdleTracker, Wakeup};
use crate::transport::{
    Clock as _, Delivery, DeliverySink, Duplicates, MAX_TOKEN, Record, TransportError,
    TransportErrorKind,
};
use crate::util::lock_order::{HEARD_REPORTS, PRODUCER_ENDED};
use crate::util::sync::{Mutex, lock};

/// A batch of reports leaves its memory to the next one if it is no more than for so many.
const SPARE_REPORTS: usize = 4_096;

/// Records that go together get the time of their handing over if their own is no older than this.
const SAME_MOMENT_MS: u64 = 10;

pub(in crate::transport::kafka) type Connected = Arc<ffi::Producer<Deliveries>>;

/// What a producer's client, its thread and its handle share.
pub(in crate::transport::kafka) struct Shared {
    pub(in crate::transport::kafka) events: Events,
    pub(in crate::transport::kafka) duplicates: Duplicates,
    sink: Arc<dyn DeliverySink>,
    pub(in crate::transport::kafka) reports: Arc<Wakeup>,
    in_flight: InFlight,
    /// What travelled with the records that were reported to be in the log, and not yet told.
    heard: Mutex<Vec<u64>, HEARD_REPORTS>,
    /// The client, until the handle is closed. Clients refer to this, and this to them: the thread
    /// takes the last one out. Whoever finds it here only borrows it from its keeper.
    slot: RwLock<Option<Connected>>,
    /// While a client that was replaced gives up its records: why it ended.
    pub(in crate::transport::kafka) ended: Mutex<Option<TransportError>, PRODUCER_ENDED>,
    pub(in crate::transport::kafka) closed: AtomicBool,
}

impl Shared {
    pub(in crate::transport::kafka) fn new(
        settings: &Arc<Settings>,
        duplicates: Duplicates,
        sink: Arc<dyn DeliverySink>,
    ) -> Self {
        Self {
            events: settings.events(),
            duplicates,
            sink,
            reports: Arc::default(),
            in_flight: InFlight::new(duplicates),
            heard: Mutex::default(),
            slot: RwLock::new(None),
            ended: Mutex::new(None),
            closed: AtomicBool::new(false),
        }
    }

    /// Hands a record over, or keeps it back; what became of it is told to the sink.
    ///
    /// # Errors
    /// It isn't taken, and nothing is told.
    pub(in crate::transport::kafka) fn produce(
        &self,
        record: &Record<'_>,
        token: u64,
    ) -> Result<(), TransportError> {
        // Not borrowed from the slot, since what is heard meanwhile may look for the client, too. Its
        // keeper outlives this use.
        let sender = self.client().ok_or_else(closed)?;
        // Counted first: the report may come before `send` returns.
        self.reports.on_produce(record.urgent);
        let passed = self.in_flight.admit(
            record,
            token,
            || {
                self.look(&sender);
            },
            |number| self.send(&sender, record, pack(number, record.urgent, token)),
        );
        match passed {
            Ok(Admission::Sent) => Ok(()),
            Ok(Admission::Kept) => {
                self.reports.on_waiting();
                Ok(())
            }
            Ok(Admission::Held(number)) => {
                self.let_go(number);
                Ok(())
            }
            Err(error) => {
                self.reports.on_reported(1);
                Err(error)
            }
        }
    }

    /// The client, to be used for a moment.
    pub(in crate::transport::kafka) fn client(&self) -> Option<Connected> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        slot.clone()
    }

    /// Puts another client in the place of the present one, or none.
    pub(in crate::transport::kafka) fn set_client(&self, client: Option<Connected>) {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        *slot = client;
    }

    /// Hears reports for a while: as long as somebody waits for one, else what there is by now.
    pub(in crate::transport::kafka) fn hear(
        &self,
        sender: &ffi::Producer<Deliveries>,
        idle: &mut IdleTracker,
    ) {
        self.reports.begin_round();
        // Whoever held records back may be held up itself.
        if idle.was_held(self.in_flight.is_held()) {
            self.unhold();
        }
        while self.look(sender) {}
        self.reports.rest(
            idle,
            || self.in_flight.keeps_any(),
            || self.closed.load(Ordering::Acquire),
        );
    }

    /// Hears what one event tells, if there is one, and passes it on.
    fn look(&self, sender: &ffi::Producer<Deliveries>) -> bool {
        let heard = sender.poll_event(|report| self.ended(report));
        self.tell();
        heard
    }

    /// A record's delivery has ended.
    fn ended(&self, report: ffi::Report) {
        let (number, urgent, token) = unpack(report.token as u64);
        let delivery = match report.failure {
            None if !urgent => return lock(&self.heard).push(report.token as u64),
            None => {
                self.events.forget();
                Delivery::Persisted
            }
            Some(failure) => {
                let code = failure.error.rdkafka_error_code();
                let error = errors::from_kafka("the record was not delivered", &failure.error);
                let error = self.explain(error, code);
                if failure.not_persisted {
                    Delivery::NotPersisted(error)
                } else {
                    Delivery::Unknown(error)
                }
            }
        };
        self.sink.delivered(token, delivery);
        self.reports.on_reported(1);
        self.reported(number, 1);
    }

    /// Hands records to the client that go together.
    fn send_all(
        &self,
        sender: Option<&ffi::Producer<Deliveries>>,
        number: u16,
        batch: &Batch<'_>,
    ) -> Refused {
        let Some(sender) = sender else {
            return batch
                .records()
                .map(|(_, token)| (token, closed()))
                .collect();
        };
        let now = SystemClock.wall_us_at(SystemClock.now()).div_euclid(1_000);
        // One by itself costs less.
        let several = batch.len() > 1;
        let alike = |record: &Record<'_>| {
            several
                && record.headers.is_empty()
                && now.abs_diff(record.timestamp_ms) <= SAME_MOMENT_MS
        };
        let mut refused = Vec::new();
        let mut records = batch.records().peekable();
        loop {
            let together = std::iter::from_fn(|| records.next_if(|(record, _)| alike(record)));
            let together = together.map(|(record, token)| {
                let opaque = pack(number, record.urgent, token);
                (record.key, record.value, opaque)
            });
            let partition = i32::try_from(batch.partition()).unwrap_or(i32::MAX);
            sender.produce_all(batch.topic(), partition, together, |opaque, error| {
                let (_, _, token) = unpack(opaque as u64);
                refused.push((token, Self::explain_refusal(sender, batch.topic(), &error)));
            });
            let Some((record, token)) = records.next() else {
                return refused;
            };
            if let Err(error) = self.send(sender, &record, pack(number, record.urgent, token)) {
                refused.push((token, error));
            }
        }
    }

    /// Hands a record to the client.
    fn send(
        &self,
        sender: &ffi::Producer<Deliveries>,
        record: &Record<'_>,
        opaque: usize,
    ) -> Result<(), TransportError> {
        sender
            .send(record, opaque)
            .map_err(|error| Self::explain_refusal(sender, record.topic, &error))
    }

    /// Why a client didn't take a record.
    fn explain_refusal(
        sender: &ffi::Producer<Deliveries>,
        topic: &str,
        error: &KafkaError,
    ) -> TransportError {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
            && let Some(cause) = fatal_error(sender.client())
        {
            return cause;
        }
        errors::from_kafka(&format!("can't produce to {topic}"), error)
    }

    /// Records were reported, which may let others go.
    fn reported(&self, number: u16, count: usize) {
        let sender = self.client();
        let refused = self.in_flight.on_reported(number, count, |number, batch| {
            self.send_all(sender.as_deref(), number, batch)
        });
        self.not_taken(refused);
    }

    /// Keeps everything back from now on.
    pub(in crate::transport::kafka) fn hold(&self) {
        self.in_flight.hold();
    }

    /// A record was held, perhaps just after the holding had ended.
    fn let_go(&self, number: u16) {
        let refused = self.in_flight.let_go(number, |number, batch| {
            self.send_all(self.client().as_deref(), number, batch)
        });
        self.not_taken(refused);
    }

    /// Ends the holding back.
    pub(in crate::transport::kafka) fn unhold(&self) {
        let sender = self.client();
        // What is heard now lets more go, and spares the thread from being woken for it.
        if let Some(sender) = &sender {
            while self.look(sender) {}
        }
        let refused = self
            .in_flight
            .unhold(|number, batch| self.send_all(sender.as_deref(), number, batch));
        self.not_taken(refused);
        if self.in_flight.keeps_any() {
            self.reports.on_waiting();
        }
    }

    /// Lets everything go that is kept back.
    pub(in crate::transport::kafka) fn release_all(&self, sender: &ffi::Producer<Deliveries>) {
        let refused = self
            .in_flight
            .release_all(|number, batch| self.send_all(Some(sender), number, batch));
        self.not_taken(refused);
    }

    /// Records that were kept back were not taken in the end.
    fn not_taken(&self, failed: Vec<(u64, TransportError)>) {
        for (token, error) in failed {
            self.sink.delivered(token, Delivery::NotPersisted(error));
            self.reports.on_reported(1);
        }
    }

    /// Tells the reports that were heard.
    pub(in crate::transport::kafka) fn tell(&self) {
        let mut heard = std::mem::take(&mut *lock(&self.heard));
        if heard.is_empty() {
            return;
        }
        self.events.forget();
        // First what others wait for.
        for together in heard.chunk_by(|one, next| unpack(*one).0 == unpack(*next).0) {
            self.reported(unpack(together[0]).0, together.len());
        }
        for one in &mut heard {
            *one &= MAX_TOKEN;
        }
        self.sink.persisted(&heard);
        self.reports.on_reported(heard.len() as u64);
        // Its memory serves the next batch.
        heard.clear();
        let mut next = lock(&self.heard);
        if next.is_empty() && heard.capacity() <= SPARE_REPORTS {
            *next = heard;
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
pub(in crate::transport::kafka) struct Deliveries(pub(in crate::transport::kafka) Arc<Shared>);

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    /// Called while a client is retired: else reports are heard by [`Shared::look`].
    fn delivery(&self, result: &DeliveryResult<'_>, token: usize) {
        let failure = result.as_ref().err().map(|(error, message)| ffi::Failure {
            error: error.clone(),
            not_persisted: ffi::certainly_not_persisted(message),
        });
        self.0.ended(ffi::Report { token, failure });
    }
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

/// Why a client can't produce any more, if so.
pub(in crate::transport::kafka) fn fatal_error(
    client: &BaseProducer<Deliveries>,
) -> Option<TransportError> {
    let (code, reason) = client.client().fatal_error()?;
    let doing = format!("the producer ended ({reason})");
    Some(errors::from_code(&doing, code))
}
