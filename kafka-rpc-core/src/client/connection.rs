//! A client instance: one producer, one registry, and a listener for each results topic.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::service::topics::{self, Topic};
use crate::testing::Testing;
use crate::transport::{Alarm, Clock, Cluster, Duplicates, Listener, Producer, Transport};
use crate::util::lock_order::CLIENT_LANES;
use crate::util::sync::{Mutex, lock};
use crate::wire::{self, CallId};
use crate::{Code, Descriptor, Method, Operation, Outcome, RpcError, ServiceClient};

use crate::client::binding::Binding;
use crate::client::builder::{ClientBuilder, Options};
use crate::client::inbound::replies::{Replies, Reports};
use crate::client::outbound::batcher::Batcher;
use crate::client::pending::Registry;
use crate::client::stats::ClientStats;

/// A connection to a cluster, from which the clients of services are attached.
///
/// Clones share one instance: one producer, one set of pending calls and one listener for each
/// results topic. A process needs one. It lives until the last clone, attached client and call of
/// it are gone.
#[derive(Clone, Debug)]
pub struct Client {
    connection: Arc<Connection>,
}

impl Client {
    /// Connects with the default options.
    ///
    /// # Errors
    /// `InvalidArgument` for a refused setting, `Unauthenticated` for refused credentials,
    /// `Unavailable` if no broker answers.
    pub fn connect(cluster: &impl Cluster) -> Operation<Result<Self, RpcError>> {
        Self::builder(cluster).connect()
    }

    /// Begins to set options.
    pub fn builder(cluster: &impl Cluster) -> ClientBuilder {
        ClientBuilder::new(cluster)
    }

    /// Makes the client of a service, ready to call: its topics exist, and every reply from now on
    /// will be seen. That a server runs isn't checked.
    ///
    /// # Errors
    /// Always with the outcome `NotRun`. `Unavailable` if a topic is missing, no broker answers within
    /// 5 s, or the client is closed; `PermissionDenied` if the brokers refuse to show, create or read
    /// a topic; `InvalidArgument` if the results topic lacks the partition that the client is set to.
    pub fn attach<C: ServiceClient + 'static>(&self) -> Operation<Result<C, RpcError>> {
        let connection = Arc::clone(&self.connection);
        Operation::new(async move {
            let bound = connection.attach(C::DESCRIPTOR).await?;
            Ok(C::from_binding(Binding::new(Arc::new(bound))))
        })
    }

    /// What the client has counted so far.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        self.connection.registry.stats()
    }

    /// Ends every pending call with `Disconnected`, and refuses new ones with `Unavailable`, on all
    /// clones and attached clients of this instance. Servers aren't told: handlers that run may go on
    /// until their deadlines.
    pub fn close(&self) {
        self.connection.registry.close();
        lock(&self.connection.lanes).clear();
        tracing::info!(target: "kafka_rpc::client", "client closed");
    }
}

/// What all clones of a client share.
pub(crate) struct Connection {
    pub(super) registry: Arc<Registry>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) alarm: Box<dyn Alarm>,
    pub(super) producer: Arc<dyn Producer>,
    pub(super) options: Options,
    pub(super) testing: Testing,
    pub(super) batcher: Batcher,
    transport: Arc<dyn Transport>,
    instance: [u8; 8],
    next: AtomicU64,
    /// By results topic.
    lanes: Mutex<BTreeMap<String, Arc<Lane>>, CLIENT_LANES>,
    /// Held while a listener is started, so that a topic never has two.
    starting: tokio::sync::Mutex<()>,
}

/// A results partition that this client listens to.
pub(super) struct Lane {
    number: u32,
    topic: String,
    partition: u32,
    _listener: Box<dyn Listener>,
}

impl Lane {
    pub(super) const fn lane(&self) -> u32 {
        self.number
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) const fn partition(&self) -> u32 {
        self.partition
    }
}

/// A service that a client is attached to.
pub(crate) struct Bound {
    pub(super) connection: Arc<Connection>,
    pub(super) descriptor: &'static Descriptor,
    pub(super) fingerprint: u64,
    pub(super) commands: String,
    /// Of the commands topic, as counted when it was attached.
    pub(super) partitions: u32,
    pub(super) results: Arc<Lane>,
}

impl Bound {
    /// A method as errors name it.
    pub(super) fn name(&self, method: &Method) -> String {
        format!("{}.{}", self.descriptor.name, method.name)
    }

    pub(crate) fn testing(&self) -> &Testing {
        &self.connection.testing
    }
}

impl Connection {
    pub(super) async fn open(
        transport: Arc<dyn Transport>,
        options: Options,
    ) -> Result<Client, RpcError> {
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
        tracing::info!(
            target: "kafka_rpc::client",
            brokers = transport.describe(),
            "client connected"
        );
        Ok(Client {
            connection: Arc::new(Self {
                alarm: clock.alarm(Arc::clone(&registry) as _),
                registry,
                clock,
                producer,
                options,
                testing: Testing::default(),
                batcher: Batcher::default(),
                transport,
                instance,
                next: AtomicU64::new(1),
                lanes: Mutex::default(),
                starting: tokio::sync::Mutex::default(),
            }),
        })
    }

    pub(super) fn next_id(&self) -> CallId {
        CallId::new(self.instance, self.next.fetch_add(1, Ordering::Relaxed))
    }

    async fn attach(self: Arc<Self>, descriptor: &'static Descriptor) -> Result<Bound, RpcError> {
        let prefix = &self.options.topic_prefix;
        let commands = format!("{prefix}{}", descriptor.commands_topic());
        let results = format!("{prefix}{}", descriptor.results_topic());
        let counts = topics::ensure(
            self.transport.as_ref(),
            &[Topic::Commands(&commands), Topic::Results(&results)],
            self.options.create_topics.as_ref(),
        )
        .await?;
        Ok(Bound {
            descriptor,
            fingerprint: wire::fingerprint(descriptor.methods.iter().map(|method| method.name)),
            commands,
            partitions: counts[0],
            results: self.listen(results, counts[1]).await?,
            connection: self,
        })
    }

    /// The lane of a results topic: services that share the topic share its listener.
    async fn listen(&self, topic: String, partitions: u32) -> Result<Arc<Lane>, RpcError> {
        let _starting = self.starting.lock().await;
        if self.registry.is_closed() {
            return Err(closed());
        }
        if let Some(lane) = lock(&self.lanes).get(&topic) {
            return Ok(Arc::clone(lane));
        }
        let partition = match self.options.results_partition {
            None => wire::partition_for(&self.instance, partitions),
            Some(partition) if partition < partitions => partition,
            Some(partition) => {
                return Err(RpcError::new(
                    Code::InvalidArgument,
                    Outcome::NotRun,
                    format!(
                        "the client is set to results partition {partition}, and topic `{topic}` \
                         has {partitions}"
                    ),
                ));
            }
        };
        // Unique within the instance: none is ever taken out of an open one.
        let number = u32::try_from(lock(&self.lanes).len()).unwrap_or(u32::MAX);
        let sink = Arc::new(Replies {
            registry: Arc::clone(&self.registry),
            clock: Arc::clone(&self.clock),
            instance: self.instance,
            lane: number,
            topic: topic.clone(),
            partition,
        });
        let listener = self
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
        let lane = Arc::new(Lane {
            number,
            topic: topic.clone(),
            partition,
            _listener: listener,
        });
        let mut lanes = lock(&self.lanes);
        // `close` says so before it clears the lanes, so none is left behind.
        if self.registry.is_closed() {
            return Err(closed());
        }
        lanes.insert(topic, Arc::clone(&lane));
        Ok(lane)
    }
}

fn closed() -> RpcError {
    RpcError::new(
        Code::Unavailable,
        Outcome::NotRun,
        "the client is closed; connect a new one",
    )
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("brokers", &self.transport.describe())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("service", &self.descriptor.name)
            .finish_non_exhaustive()
    }
}
