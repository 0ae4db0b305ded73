//! Connects a client, and attaches it to services: one listener for each results topic.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::client::call::layered::Innermost;
use crate::client::clocks::ServerClocks;
use crate::client::connection::{Attached, Connection, ReplyPartition};
use crate::client::inbound::replies::{Replies, Reports};
use crate::client::options::Options;
use crate::client::outbound::batcher::Batcher;
use crate::client::partitions::topics::{CommandsTopics, LOOK_UP_EVERY};
use crate::client::pending::Registry;
use crate::middleware::Stack;
use crate::service::topics::{self, Topic};
use crate::transport::{Duplicates, Transport};
use crate::util::sync::{Mutex, lock};
use crate::wire;
use crate::{Code, Descriptor, Outcome, RpcError};

/// Makes the producer, which warms up, and what waits for its reports.
pub(super) async fn connect(
    transport: Arc<dyn Transport>,
    options: Options,
) -> Result<Arc<Connection>, RpcError> {
    let registry = Arc::new(Registry::new(options.max_in_flight));
    let mut instance = [0; 8];
    getrandom::fill(&mut instance).map_err(|error| {
        RpcError::new(
            Code::Internal,
            Outcome::NotRun,
            format!("the system gives no random bytes: {error}"),
        )
    })?;
    let clock = transport.clock();
    let reports = Arc::new(Reports {
        registry: Arc::clone(&registry),
        clock: Arc::clone(&clock),
    });
    let producer = transport
        .producer(Duplicates::Never, reports)
        .await
        .map_err(|error| {
            let brokers = transport.describe();
            error
                .context(format_args!("can't connect to {brokers}"))
                .into_rpc(Outcome::NotRun)
        })?;
    let commands_topics = Arc::<CommandsTopics>::default();
    let watch = producer
        .watch(LOOK_UP_EVERY, Arc::clone(&commands_topics) as _)
        .map_err(|error| error.into_rpc(Outcome::NotRun))?;
    tracing::info!(
        target: "kafka_rpc::client",
        brokers = transport.describe(),
        "client connected"
    );
    Ok(Arc::new(Connection {
        alarm: clock.alarm(Arc::clone(&registry) as _),
        registry,
        clock,
        producer,
        batcher: Batcher::default(),
        layers: Stack::new(Arc::new(Innermost)),
        options,
        transport,
        instance,
        next_sequence: AtomicU64::new(1),
        reply_partitions: Mutex::default(),
        commands_topics,
        _watch: watch,
        starting: tokio::sync::Mutex::default(),
        kept: Mutex::default(),
    }))
}

/// Sees that the service's topics exist, and listens for replies.
pub(super) async fn attach(
    connection: Arc<Connection>,
    descriptor: &'static Descriptor,
) -> Result<Attached, RpcError> {
    let prefix = &connection.options.topic_prefix;
    let commands = format!("{prefix}{}", descriptor.commands_topic());
    let results = format!("{prefix}{}", descriptor.results_topic());
    let counts = topics::ensure(
        connection.transport.as_ref(),
        &[Topic::Commands(&commands), Topic::Results(&results)],
        connection.options.create_topics.as_ref(),
    )
    .await?;
    let now = connection.clock.now();
    Ok(Attached {
        partitions: connection.commands_topics.attach(&commands, counts[0], now),
        descriptor,
        fingerprint: wire::fingerprint(descriptor.methods.iter().map(|method| method.name)),
        commands,
        replies: listen(&connection, results, counts[1]).await?,
        clocks: ServerClocks::new(connection.clock.now(), counts[0]),
        connection,
    })
}

/// Services that share a results topic share its listener.
async fn listen(
    connection: &Connection,
    topic: String,
    partitions: u32,
) -> Result<Arc<ReplyPartition>, RpcError> {
    let _starting = connection.starting.lock().await;
    if connection.registry.is_closed() {
        return Err(closed());
    }
    if let Some(replies) = lock(&connection.reply_partitions).get(&topic) {
        return Ok(Arc::clone(replies));
    }
    let partition = choose(connection, &topic, partitions)?;
    // Unique within the client: none is ever taken out of an open one.
    let number = u32::try_from(lock(&connection.reply_partitions).len()).unwrap_or(u32::MAX);
    let sink = Arc::new(Replies {
        registry: Arc::clone(&connection.registry),
        clock: Arc::clone(&connection.clock),
        instance: connection.instance,
        number,
        topic: topic.clone(),
        partition,
    });
    let listener = connection
        .transport
        .listen(&topic, partition, sink)
        .await
        .map_err(|error| {
            error
                .context(format_args!("can't listen to topic `{topic}`"))
                .into_rpc(Outcome::NotRun)
        })?;
    tracing::info!(
        target: "kafka_rpc::client",
        topic,
        partition,
        "listening for replies"
    );
    let replies = Arc::new(ReplyPartition {
        number,
        topic: topic.clone(),
        partition,
        listener,
    });
    let mut all = lock(&connection.reply_partitions);
    // `close` says so before it empties this, so none is left behind.
    if connection.registry.is_closed() {
        return Err(closed());
    }
    all.insert(topic, Arc::clone(&replies));
    Ok(replies)
}

/// The partition of a results topic to listen to.
fn choose(connection: &Connection, topic: &str, partitions: u32) -> Result<u32, RpcError> {
    match connection.options.results_partition {
        None => Ok(wire::partition_for(&connection.instance, partitions)),
        Some(partition) if partition < partitions => Ok(partition),
        Some(partition) => Err(RpcError::new(
            Code::InvalidArgument,
            Outcome::NotRun,
            format!(
                "the client is set to results partition {partition}, and topic `{topic}` has \
                 {partitions}"
            ),
        )),
    }
}

fn closed() -> RpcError {
    RpcError::new(
        Code::Unavailable,
        Outcome::NotRun,
        "the client is closed; connect a new one",
    )
}
