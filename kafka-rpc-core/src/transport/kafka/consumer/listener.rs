//! Reads one partition without a group, and never skips a record in silence.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::transport::kafka::admin::settle;
use crate::transport::kafka::admin::topics::{self, Lookup};
use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::consumer::identity::{self, Identity};
use crate::transport::kafka::consumer::reader_task::{More, Read, SharedReader};
use crate::transport::kafka::ffi::{self, Polled};
use crate::transport::{BoxFuture, Listener, ListenerSink, TransportError, TransportErrorKind};
use crate::util::lock_order::LISTENER_TROUBLE;
use crate::util::sync::{Mutex, lock};

/// How long one poll waits: how soon the thread notices that it is to stop.
const ROUND: Duration = Duration::from_millis(100);

/// The same until the first record of an assignment.
const UNSETTLED_ROUND: Duration = Duration::from_millis(5);

/// How many records a task reads before it lets others go first.
const BATCH: usize = 256;

/// How long the start of a listener may take.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one lookup of the offsets may take, and the pause before the next.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

pub(in crate::transport::kafka) fn open(
    settings: &Arc<Settings>,
    topic: &str,
    partition: u32,
    sink: Arc<dyn ListenerSink>,
) -> BoxFuture<Result<Box<dyn Listener>, TransportError>> {
    let (settings, topic) = (Arc::clone(settings), topic.to_owned());
    // Whoever listens waits for replies here, most likely.
    let runtime = tokio::runtime::Handle::try_current().ok();
    blocking::start("kafka-rpc-listener", move |reply: Reply<_>| {
        let reader = match Reader::start(&settings, &topic, partition, sink) {
            Ok(reader) => reader,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let (stop, trouble) = (Arc::clone(&reader.stop), Arc::clone(&reader.trouble));
        let shared = SharedReader::new(reader);
        shared.edit(|reader| reader.consumer.alert(Arc::new(Arc::downgrade(&shared))));
        if let Some(runtime) = runtime {
            runtime.spawn(shared.task());
        }
        let handle: Box<dyn Listener> = Box::new(Handle {
            stop: Arc::clone(&stop),
            shared: Arc::clone(&shared),
            trouble,
        });
        // Where nobody waits any more, the handle is dropped here, and the loop ends at once.
        drop(reply.send(Ok(handle)));
        // The consumer's teardown blocks; it happens here, on the consumer's own thread.
        shared.watch(|| stop.is_open(), Reader::attend);
    })
}

struct Handle {
    stop: Arc<Latch>,
    shared: Arc<SharedReader<Reader>>,
    trouble: Arc<Trouble>,
}

/// What keeps a listener from reading.
type Trouble = Mutex<Option<TransportError>, LISTENER_TROUBLE>;

impl Listener for Handle {
    fn trouble(&self) -> Option<TransportError> {
        lock(&self.trouble).clone()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.open();
        self.shared.ring();
    }
}

struct Reader {
    consumer: ffi::Consumer<Events>,
    /// What the task that reads came upon.
    failed: Option<KafkaError>,
    events: Events,
    settings: Arc<Settings>,
    topic: String,
    partition: i32,
    sink: Arc<dyn ListenerSink>,
    /// The offset of the next record to come.
    next: i64,
    /// Something was read since the last assignment.
    settled: bool,
    stop: Arc<Latch>,
    trouble: Arc<Trouble>,
    /// A question is under way.
    asks: bool,
    identity: Identity,
}

/// What isn't there any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// The records at the offset that comes next.
    Records,
    /// The topic, which a stale broker may say of one that is there.
    Topic,
    /// The topic: its name is another one's now.
    Replaced,
}

/// What a poll came upon.
enum Found {
    Nothing,
    /// A record, or the end of the partition.
    Something,
}

impl Reader {
    fn start(
        settings: &Arc<Settings>,
        topic: &str,
        partition: u32,
        sink: Arc<dyn ListenerSink>,
    ) -> Result<Self, TransportError> {
        let until = Instant::now() + START_TIMEOUT;
        let events = settings.events();
        let client: BaseConsumer<Events> = settings
            .listener()
            .create_with_context(events.clone())
            .map_err(|error| errors::from_creation(&error))?;
        // Asking for the offsets of what doesn't exist would only time out.
        let partitions = settle::count_of_existing(&client, &events, topic, until)?;
        if partitions.is_none_or(|partitions| partition >= partitions) {
            return Err(TransportError::new(
                TransportErrorKind::UnknownTopic,
                match partitions {
                    None => format!("the topic {topic} doesn't exist"),
                    Some(count) => format!(
                        "the topic {topic} has no partition {partition}, but {count} of them"
                    ),
                },
            ));
        }
        let mut reader = Self {
            consumer: ffi::Consumer::new(client, topic)
                .map_err(|error| errors::from_creation(&error))?,
            failed: None,
            events,
            settings: Arc::clone(settings),
            topic: topic.to_owned(),
            partition: i32::try_from(partition).unwrap_or(i32::MAX),
            sink,
            next: 0,
            settled: false,
            stop: Arc::new(Latch::default()),
            trouble: Arc::default(),
            asks: false,
            identity: Identity::default(),
        };
        // On the consumer's own connection, which is free and is warm from then on.
        let timeout = until.saturating_duration_since(Instant::now());
        let (_, high) = topics::watermarks(
            reader.consumer.client(),
            &reader.events,
            topic,
            reader.partition,
            timeout,
        )?;
        reader.assign(high)?;
        reader.prove(until)?;
        Ok(reader)
    }

    /// Waits until a first fetch has succeeded. Everything before it can be done by who may know
    /// of the topic without reading it.
    fn prove(&mut self, until: Instant) -> Result<(), TransportError> {
        self.identity.ask(self.consumer.positions(), &self.topic);
        let doing = format!("the topic {} can't be read", self.topic);
        while Instant::now() < until {
            match self.round() {
                Ok(Found::Nothing) => {}
                Ok(Found::Something) => return Ok(()),
                Err(error) => match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {}
                    Some(code) if errors::kind(code) == TransportErrorKind::Unavailable => {}
                    _ => return Err(errors::from_kafka(&doing, &error)),
                },
            }
        }
        Err(self
            .events
            .explain(TransportError::new(TransportErrorKind::Unavailable, doing)))
    }

    /// Reads from an absolute offset on. A logical one would be resolved later than this returns,
    /// and records that come in between would be missed.
    fn assign(&mut self, next: i64) -> Result<(), TransportError> {
        let mut list = TopicPartitionList::with_capacity(1);
        self.consumer.clear();
        list.add_partition_offset(&self.topic, self.partition, Offset::Offset(next))
            .and_then(|()| self.consumer.client().assign(&list))
            .map_err(|error| errors::from_kafka("the partition can't be assigned", &error))?;
        self.next = next;
        self.settled = false;
        Ok(())
    }

    /// Waits a while for a record, or for the end of the partition, on a thread that may.
    fn round(&mut self) -> Result<Found, KafkaError> {
        if self.settled {
            return self.poll(ROUND);
        }
        // Before the first record of a new assignment librdkafka may still have to end the one before,
        // and then forgets where its records were to come. None is lost by that.
        self.consumer.forward_partition(&self.topic, self.partition);
        self.poll(UNSETTLED_ROUND)
    }

    /// Waits so long for a record, or for the end of the partition, and passes a record on.
    fn poll(&mut self, wait: Duration) -> Result<Found, KafkaError> {
        let (sink, next) = (&*self.sink, &mut self.next);
        let polled = self.consumer.poll(wait, |record| {
            *next = record.offset + 1;
            sink.record(record);
        });
        match polled {
            // Nobody assigns it another topic than its own.
            Polled::Nothing | Polled::Foreign => Ok(Found::Nothing),
            // There may be nothing to read at the moment.
            Polled::Record(()) | Polled::Error(KafkaError::PartitionEOF(_)) => {
                self.settled = true;
                Ok(Found::Something)
            }
            Polled::Error(error) => Err(error),
        }
    }

    /// One round of reading on the listener's own thread.
    fn attend(&mut self) {
        if let Some(error) = self.failed.take() {
            return self.handle(&error);
        }
        if let Err(error) = self.round() {
            self.handle(&error);
        }
    }

    fn handle(&mut self, error: &KafkaError) {
        match error.rdkafka_error_code() {
            // The group only exists by name: that it is denied changes nothing.
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {}
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.recover(Missing::Records);
            }
            Some(code) if errors::kind(code) == TransportErrorKind::UnknownTopic => {
                self.trouble(error);
                self.recover(Missing::Topic);
            }
            _ => self.trouble(error),
        }
    }

    fn trouble(&self, error: &KafkaError) {
        let doing = format!("reading {}/{}", self.topic, self.partition);
        self.sink
            .trouble(self.events.explain(errors::from_kafka(&doing, error)));
        self.events.forget();
    }

    /// Finds out what the partition holds now, and goes on at the lowest offset.
    ///
    /// Another client asks: this one may have read ahead, and reading its events would throw those
    /// records away.
    fn recover(&mut self, missing: Missing) {
        let lookup = match Lookup::open(&self.settings) {
            Ok(lookup) => lookup,
            Err(error) => return self.sink.trouble(error),
        };
        let mut gone = missing == Missing::Replaced;
        while !self.stop.is_open() {
            match self.holds(&lookup) {
                Ok(None) => gone = true,
                Ok(Some((low, high))) => {
                    if missing == Missing::Topic && !gone && (low..=high).contains(&self.next) {
                        return;
                    }
                    // Other records have these offsets now, unless only old ones were deleted.
                    let lost = match u64::try_from(low - self.next) {
                        Ok(lost) if !gone => Some(lost),
                        _ => None,
                    };
                    match self.assign(low) {
                        Ok(()) => {
                            self.identity = Identity::default();
                            return self.sink.gap(lost);
                        }
                        Err(error) => self.sink.trouble(error),
                    }
                }
                Err(error) => self.sink.trouble(error),
            }
            self.stop.wait(PAUSE);
        }
    }

    /// The partition's low and high offset; `None` if it doesn't exist.
    fn holds(&self, lookup: &Lookup) -> Result<Option<(i64, i64)>, TransportError> {
        let partitions = lookup.count(&self.topic, Instant::now() + LOOKUP_TIMEOUT)?;
        let partition = u32::try_from(self.partition).unwrap_or(u32::MAX);
        if partitions.is_none_or(|partitions| partition >= partitions) {
            return Ok(None);
        }
        lookup
            .watermarks(&self.topic, self.partition, LOOKUP_TIMEOUT)
            .map(Some)
    }
}

impl Reader {
    /// Notes what the partition's leader answered, and asks it anew: where nothing is to be read, nothing
    /// else tells whether it is there.
    fn feel(&mut self) {
        while let Some(answer) = self.consumer.positions().answer() {
            if answer.number == identity::NUMBER {
                if self.identity.take(&answer.found) {
                    self.recover(Missing::Replaced);
                }
                continue;
            }
            self.asks = false;
            let Some((_, failed)) = answer.found.ends(&[self.partition]) else {
                continue;
            };
            let trouble = failed.map(|code| {
                let doing = format!(
                    "the leader of {}/{} doesn't answer",
                    self.topic, self.partition
                );
                self.events.explain(errors::from_code(&doing, code))
            });
            if let Some(trouble) = &trouble {
                self.sink.trouble(trouble.clone());
            }
            *lock(&self.trouble) = trouble;
        }
        self.identity.ask(self.consumer.positions(), &self.topic);
        if self.asks {
            return;
        }
        let mut end = TopicPartitionList::with_capacity(1);
        match end.add_partition_offset(&self.topic, self.partition, Offset::End) {
            Ok(()) => {
                self.consumer.positions().ask_ends(&end, 0);
                self.asks = true;
            }
            Err(error) => self.trouble(&error),
        }
    }
}

impl Read for Reader {
    fn tend(&mut self) {
        self.feel();
    }

    fn read(&mut self) -> More {
        if !self.settled {
            return More::Trouble;
        }
        for _ in 0..BATCH {
            match self.poll(Duration::ZERO) {
                Ok(Found::Something) if !self.consumer.is_drained() => {}
                Ok(_) => return More::No,
                Err(error) => {
                    self.failed = Some(error);
                    return More::Trouble;
                }
            }
        }
        More::Yes
    }
}
