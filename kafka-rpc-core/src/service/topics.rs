//! Makes sure that a service's topics exist, for the client and the server alike.

use std::time::Duration;

use crate::transport::{TopicSpec, Transport};
use crate::{Code, Outcome, RpcError};

/// How long the check of all topics of one `attach` or `start` may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How to create topics that are missing. A topic that exists stays as it is.
///
/// ```
/// use std::time::Duration;
/// use kafka_rpc_core::TopicSettings;
///
/// let settings = TopicSettings::default()
///     .commands_partitions(12)
///     .results_retention(Duration::from_secs(60));
/// # let _ = settings;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    commands_partitions: u32,
    results_partitions: u32,
    replication: Option<u16>,
    commands_retention: Duration,
    results_retention: Duration,
}

impl Default for TopicSettings {
    /// 6 partitions for commands, kept for an hour; 2 for results, kept for 10 minutes; the
    /// broker's own default replication.
    fn default() -> Self {
        Self {
            commands_partitions: 6,
            results_partitions: 2,
            replication: None,
            commands_retention: Duration::from_secs(60 * 60),
            results_retention: Duration::from_secs(10 * 60),
        }
    }
}

impl TopicSettings {
    /// Sets the number of partitions of a commands topic. Each is read by one server of a group, so it
    /// is how many servers can share the work. Adding some later moves keys to other partitions: clients
    /// and servers learn of them within some seconds.
    #[must_use]
    pub const fn commands_partitions(mut self, partitions: u32) -> Self {
        self.commands_partitions = partitions;
        self
    }

    /// Sets the number of partitions of a results topic. Each client reads one of them whole, so
    /// more partitions mean fewer foreign replies for each client.
    #[must_use]
    pub const fn results_partitions(mut self, partitions: u32) -> Self {
        self.results_partitions = partitions;
        self
    }

    /// Sets the number of replicas, instead of the broker's default.
    #[must_use]
    pub const fn replication(mut self, replicas: u16) -> Self {
        self.replication = Some(replicas);
        self
    }

    /// Sets how long commands are kept. It must be longer than any call waits, and than
    /// callers' clocks may be behind: the broker goes by the time that a record bears.
    #[must_use]
    pub const fn commands_retention(mut self, retention: Duration) -> Self {
        self.commands_retention = retention;
        self
    }

    /// Sets how long replies are kept. It must be longer than a client may be cut off, and
    /// than servers' clocks may be behind.
    #[must_use]
    pub const fn results_retention(mut self, retention: Duration) -> Self {
        self.results_retention = retention;
        self
    }

    fn spec(&self, topic: &Topic<'_>) -> TopicSpec {
        let (name, partitions, retention) = match *topic {
            Topic::Commands(name) => (name, self.commands_partitions, self.commands_retention),
            Topic::Results(name) => (name, self.results_partitions, self.results_retention),
        };
        TopicSpec {
            name: name.to_owned(),
            partitions,
            replication: self.replication,
            retention,
        }
    }
}

/// A topic that has to exist.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Topic<'a> {
    /// It carries commands.
    Commands(&'a str),
    /// It carries replies.
    Results(&'a str),
}

impl<'a> Topic<'a> {
    const fn name(&self) -> &'a str {
        match *self {
            Self::Commands(name) | Self::Results(name) => name,
        }
    }
}

/// Checks that the topics exist, and creates the missing ones if `create` says how. Returns their
/// numbers of partitions, in the same order.
///
/// # Errors
/// A topic is missing, or can't be checked or created; always with the outcome `NotRun`.
pub(crate) async fn ensure(
    transport: &dyn Transport,
    topics: &[Topic<'_>],
    create: Option<&TopicSettings>,
) -> Result<Vec<u32>, RpcError> {
    let clock = transport.clock();
    let deadline = clock.now() + PATIENCE;
    let mut counts = Vec::with_capacity(topics.len());
    for topic in topics {
        let mut count = partitions(transport, topic, deadline).await?;
        if let (None, Some(settings)) = (count, create) {
            transport
                .create_topic(settings.spec(topic))
                .await
                .map_err(|error| {
                    let brokers = transport.describe();
                    error
                        .context(format_args!(
                            "can't create topic `{}` on {brokers}",
                            topic.name()
                        ))
                        .into_rpc(Outcome::NotRun)
                })?;
            count = partitions(transport, topic, clock.now() + PATIENCE).await?;
        }
        counts.push(count.ok_or_else(|| missing(transport, topic))?);
    }
    Ok(counts)
}

async fn partitions(
    transport: &dyn Transport,
    topic: &Topic<'_>,
    deadline: std::time::Instant,
) -> Result<Option<u32>, RpcError> {
    let patience = deadline.saturating_duration_since(transport.clock().now());
    transport
        .partitions(topic.name(), patience)
        .await
        .map_err(|error| {
            let brokers = transport.describe();
            error
                .context(format_args!(
                    "can't check topic `{}` on {brokers}",
                    topic.name()
                ))
                .into_rpc(Outcome::NotRun)
        })
}

fn missing(transport: &dyn Transport, topic: &Topic<'_>) -> RpcError {
    let brokers = transport.describe();
    let spec = TopicSettings::default().spec(topic);
    RpcError::new(
        Code::Unavailable,
        Outcome::NotRun,
        format!(
            "topic `{name}` does not exist on {brokers}; create it with the builder's option \
             `create_topics(TopicSettings::default())`, or with `kafka-topics.sh \
             --bootstrap-server {brokers} --create --topic {name} --partitions {partitions} \
             --config retention.ms={retention}`",
            name = spec.name,
            partitions = spec.partitions,
            retention = spec.retention.as_millis(),
        ),
    )
}
