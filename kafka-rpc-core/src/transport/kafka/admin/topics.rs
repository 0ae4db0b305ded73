//! Looks topics up and creates them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{IsError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;
use rdkafka::types::RDKafkaRespErr;

use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::{BoxFuture, TopicSpec, TransportError, TransportErrorKind};
use crate::util::park::block_on;

/// How long the creation of a topic may take until it can be used.
const CREATION_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a first lookup waits before the client's events are read. The next one waits twice as
/// long, for the sake of slow links.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// How long the client's events are read for.
const DRAIN: Duration = Duration::from_millis(5);

/// How long to wait before asking again for what was not there yet.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// A broker deletes whole segments, and none that is still written to. So they are to be small beside
/// what a topic keeps; by default they are a week long, or a gibibyte.
const SEGMENTS: u32 = 4;

/// The shortest segment in time: each is some files.
const SHORTEST_SEGMENT: Duration = Duration::from_secs(60);

/// The largest segment in bytes.
const SEGMENT_BYTES: &str = "134217728";

/// What a broker says about a topic.
pub(super) enum Topic {
    Missing,
    /// It exists, but not every partition has a leader yet.
    Forming(u32),
    Ready(u32),
}

pub(in crate::transport::kafka) fn partitions(
    settings: &Arc<Settings>,
    topic: &str,
    timeout: Duration,
) -> BoxFuture<Result<Option<u32>, TransportError>> {
    let (settings, topic) = (Arc::clone(settings), topic.to_owned());
    blocking::start("kafka-rpc-metadata", move |reply: Reply<_>| {
        let until = Instant::now() + timeout;
        match Lookup::open(&settings) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(lookup) => {
                let found = lookup.count(&topic, until);
                // Before the client is torn down, which takes its time.
                drop(reply.send(found));
            }
        }
    })
}

pub(in crate::transport::kafka) fn create(
    settings: &Arc<Settings>,
    topic: TopicSpec,
) -> BoxFuture<Result<(), TransportError>> {
    let settings = Arc::clone(settings);
    blocking::start("kafka-rpc-admin", move |reply: Reply<_>| {
        let until = Instant::now() + CREATION_TIMEOUT;
        match Lookup::open(&settings) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(lookup) => drop(reply.send(lookup.create(&settings, &topic, until))),
        }
    })
}

/// A client that only asks.
pub(in crate::transport::kafka) struct Lookup {
    pub(super) client: BaseConsumer<Events>,
    events: Events,
}

impl Lookup {
    pub(in crate::transport::kafka) fn open(
        settings: &Arc<Settings>,
    ) -> Result<Self, TransportError> {
        let events = settings.events();
        let client = settings
            .metadata_client()
            .create_with_context(events.clone())
            .map_err(|error| errors::from_creation(&error))?;
        Ok(Self { client, events })
    }

    pub(in crate::transport::kafka) fn count(
        &self,
        name: &str,
        until: Instant,
    ) -> Result<Option<u32>, TransportError> {
        count(&self.client, &self.events, name, until)
    }

    pub(in crate::transport::kafka) fn watermarks(
        &self,
        topic: &str,
        partition: i32,
        timeout: Duration,
    ) -> Result<(i64, i64), TransportError> {
        watermarks(&self.client, &self.events, topic, partition, timeout)
    }

    pub(super) fn topic(&self, name: &str, until: Instant) -> Result<Topic, TransportError> {
        find(&self.client, &self.events, name, until)
    }

    fn create(
        &self,
        settings: &Arc<Settings>,
        topic: &TopicSpec,
        until: Instant,
    ) -> Result<(), TransportError> {
        if let Topic::Missing = self.topic(&topic.name, until)? {
            match settings.embedded() {
                Some(embedded) => embedded.create_topic(topic)?,
                None => request_creation(settings, topic)?,
            }
        }
        loop {
            match self.topic(&topic.name, until)? {
                Topic::Ready(_) => {
                    self.settle(settings, &topic.name);
                    return Ok(());
                }
                Topic::Missing | Topic::Forming(_) if Instant::now() >= until => {
                    return Err(TransportError::new(
                        TransportErrorKind::Unavailable,
                        format!(
                            "the topic {} was created, but has no leaders after {CREATION_TIMEOUT:?}",
                            topic.name
                        ),
                    ));
                }
                // The answer comes from one broker, and may be older than the creation.
                Topic::Missing | Topic::Forming(_) => std::thread::sleep(PAUSE),
            }
        }
    }
}

/// Reads what a client has to say. One poll ends with one event, or without any; between those
/// that tell are log lines, of which there may be many.
fn drain(client: &BaseConsumer<Events>) {
    let until = Instant::now() + DRAIN;
    while Instant::now() < until {
        drop(client.poll(Duration::from_millis(1)));
    }
}

/// The number of partitions of a topic, asked for with a client that does nothing else meanwhile.
pub(in crate::transport::kafka) fn count(
    client: &BaseConsumer<Events>,
    events: &Events,
    name: &str,
    until: Instant,
) -> Result<Option<u32>, TransportError> {
    find(client, events, name, until).map(|topic| match topic {
        Topic::Missing => None,
        Topic::Forming(partitions) | Topic::Ready(partitions) => Some(partitions),
    })
}

/// A partition's low and high offset, asked for with a client that does nothing else meanwhile.
pub(in crate::transport::kafka) fn watermarks(
    client: &BaseConsumer<Events>,
    events: &Events,
    topic: &str,
    partition: i32,
    timeout: Duration,
) -> Result<(i64, i64), TransportError> {
    client
        .fetch_watermarks(topic, partition, timeout.max(PAUSE))
        .map_err(|error| {
            drain(client);
            let doing = format!("the offsets of {topic}/{partition} can't be read");
            events.explain(errors::from_kafka(&doing, &error))
        })
}

/// Asks how a topic is, until a broker answers or refuses to.
fn find(
    client: &BaseConsumer<Events>,
    events: &Events,
    name: &str,
    until: Instant,
) -> Result<Topic, TransportError> {
    check_name(name)?;
    let mut slice = FIRST_LOOK;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match look(client, name, slice.min(left)) {
            Err(error) if error.kind == TransportErrorKind::Unavailable => {
                // Why it failed comes as an event, and events come when one polls.
                drain(client);
                if let Some(refused) = events.refused() {
                    return Err(refused);
                }
                if left <= slice {
                    return Err(events.explain(error));
                }
                slice *= 2;
            }
            done => return done,
        }
    }
}

/// Asks once how a topic is.
fn look(
    client: &BaseConsumer<Events>,
    name: &str,
    timeout: Duration,
) -> Result<Topic, TransportError> {
    let doing = format!("the topic {name} can't be looked up");
    let metadata = client
        .fetch_metadata(Some(name), timeout.max(Duration::from_millis(1)))
        .map_err(|error| errors::from_kafka(&doing, &error))?;
    let Some(topic) = metadata.topics().first() else {
        return Ok(Topic::Missing);
    };
    match topic.error() {
        None => {}
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) => return Ok(Topic::Missing),
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) => {}
        Some(code) => return Err(errors::from_code(&doing, code.into())),
    }
    let partitions = topic.partitions();
    let count = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
    let led = |partition: &MetadataPartition| {
        partition.leader() >= 0 && !partition.error().is_some_and(|error| error.is_error())
    };
    if count == 0 {
        // Created a moment ago: the broker that answers has only heard of its name.
        Ok(Topic::Missing)
    } else if partitions.iter().all(led) {
        Ok(Topic::Ready(count))
    } else {
        Ok(Topic::Forming(count))
    }
}

fn request_creation(settings: &Arc<Settings>, topic: &TopicSpec) -> Result<(), TransportError> {
    let doing = format!("the topic {} can't be created", topic.name);
    let admin: AdminClient<Events> = settings
        .admin_client()
        .create_with_context(settings.events())
        .map_err(|error| errors::from_creation(&error))?;
    let retention = topic
        .retention
        .as_millis()
        .min(i64::MAX as u128)
        .to_string();
    let segment = (topic.retention / SEGMENTS).max(SHORTEST_SEGMENT);
    let segment = segment.as_millis().min(i64::MAX as u128).to_string();
    // -1 is the broker's default.
    let replication = topic.replication.map_or(-1, i32::from);
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    let new = NewTopic::new(
        &topic.name,
        partitions,
        TopicReplication::Fixed(replication),
    )
    .set("cleanup.policy", "delete")
    // The age of a command is told by the caller's clock.
    .set("message.timestamp.type", "CreateTime")
    .set("retention.ms", &retention)
    .set("segment.ms", &segment)
    .set("segment.bytes", SEGMENT_BYTES);
    let options = AdminOptions::new()
        .request_timeout(Some(CREATION_TIMEOUT / 2))
        .operation_timeout(Some(CREATION_TIMEOUT / 2));
    let results = block_on(admin.create_topics([&new], &options))
        .map_err(|error| errors::from_kafka(&doing, &error))?;
    match results.into_iter().next() {
        Some(Ok(_)) | Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, code))) => Err(errors::from_code(&doing, code)),
        None => Err(TransportError::new(TransportErrorKind::Other, doing)),
    }
}

/// Kafka's rule for topic names. It is checked here since librdkafka's wrapper panics on some.
pub(in crate::transport::kafka) fn check_name(name: &str) -> Result<(), TransportError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > 249 || matches!(name, "." | "..") || !name.bytes().all(legal)
    {
        return Err(TransportError::new(
            TransportErrorKind::Configuration,
            format!(
                "{name:?} is no name for a topic: 1 to 249 ASCII letters, digits, dots, dashes \
                 and underscores"
            ),
        ));
    }
    Ok(())
}
