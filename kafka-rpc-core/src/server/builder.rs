//! Sets a server up and starts it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::info;

use crate::server::admit::judge::{Admission, Hosted, ReplyTopic};
use crate::server::complete::outbox::{DeliveryRelay, Outbox};
use crate::server::group::member::{Limits, Member, Shared};
use crate::server::group::rebalance::{GroupRelay, ServerTick};
use crate::server::observe::stats::Counters;
use crate::server::schedule::Ordering;
use crate::server::{OwnedRuntime, Running, Server};
use crate::service::topics::{self, Topic, TopicSettings};
use crate::transport::{Cluster, Duplicates, GroupOptions, Transport, TransportError};
use crate::{Code, Operation, Outcome, RpcError, Service};

/// How much longer than the grace period the transport waits for a revoked partition.
const REVOKE_MARGIN: Duration = Duration::from_secs(1);
/// How long the start waits for the end offsets, without which a first command may seem too old.
const ENDS_PATIENCE: Duration = Duration::from_secs(2);
/// How many bytes of arguments may wait, for each group.
const QUEUED_BYTES: usize = 256 << 20;
/// The longest grace period and allowance: a group member may go without polling for a day at most.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// Settings of a [`Server`] that hasn't been started.
pub struct ServerBuilder {
    transport: Result<Arc<dyn Transport>, TransportError>,
    services: Vec<Arc<dyn Service>>,
    group: Option<String>,
    server_id: Option<String>,
    instance: Option<String>,
    concurrency: usize,
    queue_limit: usize,
    ordering: Ordering,
    grace: Duration,
    expiry_allowance: Duration,
    reply_topics: Vec<String>,
    create_topics: Option<TopicSettings>,
    topic_prefix: String,
}

impl ServerBuilder {
    pub(super) fn new(cluster: &impl Cluster) -> Self {
        Self {
            transport: cluster.open(),
            services: Vec::new(),
            group: None,
            server_id: None,
            instance: None,
            concurrency: 1_024,
            queue_limit: 65_536,
            ordering: Ordering::default(),
            grace: Duration::from_secs(10),
            expiry_allowance: Duration::from_secs(1),
            reply_topics: Vec::new(),
            create_topics: None,
            topic_prefix: String::new(),
        }
    }

    /// Adds a service; a server can run several.
    #[must_use]
    pub fn service(mut self, service: impl Service) -> Self {
        self.services.push(Arc::new(service));
        self
    }

    /// Sets the consumer group, instead of each service's name. Servers of one group share the
    /// work; servers of two groups would each run every command.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Names this server in replies and errors; made up by default.
    #[must_use]
    pub fn server_id(mut self, id: impl Into<String>) -> Self {
        self.server_id = Some(id.into());
        self
    }

    /// Makes it a static member with this name, which no other server of the group may have: if it is
    /// back within the session timeout, 6 s by default, it gets its partitions back and no other
    /// server is disturbed.
    ///
    /// To Kafka the name is `{name}.{commands topic}.{length of the topic's name}`, since a group takes
    /// two members of one name for one, whatever topics they read.
    #[must_use]
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.instance = Some(name.into());
        self
    }

    /// Sets how many handlers may run at once, for each group; 1,024 by default.
    #[must_use]
    pub const fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = handlers;
        self
    }

    /// Sets how many commands may wait or run, for each group, before calls are refused with
    /// `ResourceExhausted`; 65,536 by default. One-way calls aren't refused, they pause the reading.
    /// So it goes, whatever the limit, when 256 MiB of arguments wait.
    #[must_use]
    pub const fn queue_limit(mut self, commands: usize) -> Self {
        self.queue_limit = commands;
        self
    }

    /// Sets in what order commands run; by key by default.
    #[must_use]
    pub const fn ordering(mut self, ordering: Ordering) -> Self {
        self.ordering = ordering;
        self
    }

    /// Sets how long running handlers may go on when the server shuts down, or when their partition
    /// goes to another server; 10 s by default, 12 hours at most. What still runs then is stopped,
    /// and runs again on the next owner.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how much older than its budget a command may seem before it is dropped, since clients'
    /// clocks are only known by estimate; 1 s by default, 12 hours at most.
    #[must_use]
    pub const fn expiry_allowance(mut self, allowance: Duration) -> Self {
        self.expiry_allowance = allowance;
        self
    }

    /// Lets replies be sent to this topic, besides the services' own results topics.
    #[must_use]
    pub fn allow_reply_topic(mut self, topic: impl Into<String>) -> Self {
        self.reply_topics.push(topic.into());
        self
    }

    /// Creates topics that are missing, instead of failing; `None`, the default, does not.
    #[must_use]
    pub fn create_topics(mut self, settings: impl Into<Option<TopicSettings>>) -> Self {
        self.create_topics = settings.into();
        self
    }

    /// Puts this before the names of the services' topics and groups, so that several environments
    /// can share a cluster; clients need the same prefix.
    #[must_use]
    pub fn topic_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.topic_prefix = prefix.into();
        self
    }

    /// Starts the server: checks the topics, connects, and joins the groups. It is done when it has
    /// joined; the first partitions may be assigned a little later, and no command is missed
    /// meanwhile.
    ///
    /// Handlers run on the tokio runtime that is current when this is first polled; if there is
    /// none, the server owns one. A handler is stopped, at its deadline or by a cancel, where it
    /// awaits. One that blocks its thread isn't stopped, and holds a worker of that runtime: give such
    /// work to `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// `InvalidArgument` for settings that make no sense, `Unavailable` for missing topics or an
    /// unreachable cluster, `PermissionDenied` and `Unauthenticated` as the cluster says; always with
    /// the outcome `NotRun`.
    #[must_use = "the server doesn't start before this is awaited or waited for"]
    pub fn start(self) -> Operation<Result<Server, RpcError>> {
        Operation::new(self.run())
    }

    async fn run(self) -> Result<Server, RpcError> {
        self.check()?;
        let transport = self
            .transport
            .map_err(|error| error.into_rpc(Outcome::NotRun))?;
        let (runtime, owned) = runtime()?;

        let prefix = &self.topic_prefix;
        let mut needed: Vec<(String, String)> = Vec::new();
        for service in &self.services {
            let descriptor = service.descriptor();
            needed.push((
                format!("{prefix}{}", descriptor.commands_topic()),
                format!("{prefix}{}", descriptor.results_topic()),
            ));
        }
        let topics: Vec<Topic<'_>> = needed
            .iter()
            .flat_map(|(commands, results)| [Topic::Commands(commands), Topic::Results(results)])
            .chain(self.reply_topics.iter().map(|topic| Topic::Results(topic)))
            .collect();
        let counts = topics::ensure(&*transport, &topics, self.create_topics.as_ref()).await?;
        let mut reply_topics: HashMap<&str, Arc<ReplyTopic>> = HashMap::new();
        let mut commands_partitions: HashMap<&str, u32> = HashMap::new();
        for (topic, count) in topics.iter().zip(counts) {
            if let Topic::Commands(name) = *topic {
                commands_partitions.insert(name, count);
            }
            if let Topic::Results(name) = *topic {
                reply_topics.entry(name).or_insert_with(|| {
                    Arc::new(ReplyTopic {
                        name: name.into(),
                        partitions: AtomicU32::new(count),
                    })
                });
            }
        }

        let clock = transport.clock();
        let counters = Arc::new(Counters::default());
        let outbox = Arc::new(Outbox::new(Arc::clone(&clock), Arc::clone(&counters)));
        let relay = DeliveryRelay(Arc::downgrade(&outbox));
        let producer = transport
            .producer(Duplicates::Harmless, Arc::new(relay))
            .await
            .map_err(|error| {
                error
                    .context("the server can't produce replies")
                    .into_rpc(Outcome::NotRun)
            })?;
        outbox.open(producer);
        let server_id = self.server_id.unwrap_or_else(|| {
            let name = self.services[0].descriptor().name;
            format!("{name}-{:x}-{:08x}", std::process::id(), fastrand::u32(..))
        });
        let shared = Arc::new(Shared {
            transport: Arc::clone(&transport),
            clock: Arc::clone(&clock),
            runtime,
            server_id,
            limits: Limits {
                ordering: self.ordering,
                concurrency: self.concurrency,
                commands: self.queue_limit,
                bytes: QUEUED_BYTES,
                grace: self.grace,
            },
            counters,
            outbox,
            alarm: OnceLock::new(),
        });

        let allowed: Vec<Arc<ReplyTopic>> = self
            .reply_topics
            .iter()
            .filter_map(|topic| reply_topics.get(topic.as_str()).cloned())
            .collect();
        let names: Vec<(&'static str, &str)> = self
            .services
            .iter()
            .zip(&needed)
            .map(|(service, (commands, _))| (service.descriptor().name, commands.as_str()))
            .collect();
        // Services with one topic and one group are one member; otherwise the two members would
        // split the topic's partitions between them.
        let mut groups: Vec<(String, &str, Vec<Hosted>)> = Vec::new();
        for (service, (commands, results)) in self.services.iter().zip(&needed) {
            let Some(results) = reply_topics.get(results.as_str()) else {
                continue;
            };
            let hosted = Hosted::new(Arc::clone(service), Arc::clone(results));
            let group = self
                .group
                .clone()
                .unwrap_or_else(|| format!("{prefix}{}", hosted.descriptor.name));
            match groups
                .iter_mut()
                .find(|(other, topic, _)| *other == group && *topic == commands)
            {
                Some((_, _, services)) => services.push(hosted),
                None => groups.push((group, commands, vec![hosted])),
            }
        }
        let members: Vec<Arc<Member>> = groups
            .into_iter()
            .map(|(group, topic, services)| {
                let elsewhere = names
                    .iter()
                    .filter(|(name, other)| {
                        *other == topic && services.iter().all(|own| own.descriptor.name != *name)
                    })
                    .map(|(name, _)| *name)
                    .collect();
                let admission = Admission {
                    services,
                    elsewhere,
                    allowed: allowed.clone(),
                    allowance: self.expiry_allowance,
                };
                let shared = Arc::clone(&shared);
                Arc::new(Member::new(shared, group, topic.to_owned(), admission))
            })
            .collect();

        let tick = ServerTick {
            outbox: Arc::downgrade(&shared.outbox),
            members: members.iter().map(Arc::downgrade).collect(),
        };
        // Before a group is joined, since the first command may need it.
        let _ = shared.alarm.set(clock.alarm(Arc::new(tick)));
        // From here on a failure, too, has to leave the groups that were joined.
        let server = Server(Some(Running {
            shared: Arc::clone(&shared),
            members: members.clone(),
            _runtime: owned,
        }));
        for member in &members {
            let options = GroupOptions {
                group: member.group.clone(),
                topic: member.topic.clone(),
                instance: self.instance.clone(),
                revoke_patience: self.grace + REVOKE_MARGIN,
            };
            let asked_at = clock.now();
            let ends = transport
                .ends(
                    &member.topic,
                    commands_partitions[member.topic.as_str()],
                    ENDS_PATIENCE,
                )
                .await;
            member.starts_from(&ends, asked_at);
            let relay = GroupRelay(Arc::downgrade(member));
            let joined = {
                // The transport's threads run handlers, and are to be within their runtime.
                let _runtime = shared.runtime.enter();
                transport.join(options, Arc::new(relay))
            };
            let membership = joined.await.map_err(|error| {
                error
                    .context(format_args!(
                        "the server can't join group `{}`",
                        member.group
                    ))
                    .into_rpc(Outcome::NotRun)
            })?;
            member.joined(membership);
        }
        info!(
            target: "kafka_rpc::server",
            server = shared.server_id, brokers = transport.describe(),
            services = ?names.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            "server started",
        );
        Ok(server)
    }

    fn check(&self) -> Result<(), RpcError> {
        let problem = if self.services.is_empty() {
            Some("a server needs a service: add one with `service`".to_owned())
        } else if self.concurrency == 0 {
            Some("`concurrency` must be at least 1".to_owned())
        } else if self.queue_limit == 0 {
            Some("`queue_limit` must be at least 1".to_owned())
        } else if self.grace > LONGEST || self.expiry_allowance > LONGEST {
            Some("`grace` and `expiry_allowance` must be 12 hours at most".to_owned())
        } else {
            let names = self
                .services
                .iter()
                .map(|service| service.descriptor().name);
            let mut seen = Vec::new();
            names
                .filter(|name| {
                    let known = seen.contains(name);
                    seen.push(*name);
                    known
                })
                .map(|name| format!("service `{name}` was added twice"))
                .next()
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(RpcError::new(
                Code::InvalidArgument,
                Outcome::NotRun,
                problem,
            )),
        }
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .services
            .iter()
            .map(|service| service.descriptor().name)
            .collect();
        f.debug_struct("ServerBuilder")
            .field("services", &names)
            .field("group", &self.group)
            .field("server_id", &self.server_id)
            .finish_non_exhaustive()
    }
}

/// The runtime that handlers run on: the current one, or one of the server's own.
fn runtime() -> Result<(Handle, Option<OwnedRuntime>), RpcError> {
    if let Ok(current) = Handle::try_current() {
        return Ok((current, None));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("kafka-rpc-server")
        .enable_all()
        .build()
        .map_err(|error| {
            RpcError::new(
                Code::Unavailable,
                Outcome::NotRun,
                format!("the server's runtime can't be started: {error}"),
            )
        })?;
    Ok((runtime.handle().clone(), Some(OwnedRuntime(Some(runtime)))))
}
