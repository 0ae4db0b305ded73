//! Sets a server up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::options::Options;
use super::{Server, start};
use crate::server::schedule::Ordering;
use crate::service::TopicSettings;
use crate::transport::{Cluster, Transport, TransportError};
use crate::{Operation, Outcome, RpcError, Service};

/// Settings of a [`Server`] that hasn't been started.
pub struct ServerBuilder {
    transport: Result<Arc<dyn Transport>, TransportError>,
    options: Options,
}

impl ServerBuilder {
    pub(super) fn new(cluster: &impl Cluster) -> Self {
        Self {
            transport: cluster.open(),
            options: Options::default(),
        }
    }

    /// Adds a service; a server can run several.
    #[must_use]
    pub fn service(mut self, service: impl Service) -> Self {
        self.options.services.push(Arc::new(service));
        self
    }

    /// Sets the consumer group, instead of each service's name. Servers of one group share the
    /// work; servers of two groups would each run every command.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.options.group = Some(group.into());
        self
    }

    /// Names this server in replies and errors; made up by default.
    #[must_use]
    pub fn server_id(mut self, id: impl Into<String>) -> Self {
        self.options.server_id = Some(id.into());
        self
    }

    /// Makes it a static member with this name, which no other server of the group may have: if it
    /// crashes and is back within the session timeout, 6 s by default, it gets its partitions back and no
    /// other server is disturbed. When it is shut down it leaves the group as any other does, so that its
    /// partitions are served meanwhile; by KIP-848 they wait for it for the session timeout.
    ///
    /// To Kafka the name is `{name}.{commands topic}.{length of the topic's name}`, since a group takes
    /// two members of one name for one, whatever topics they read.
    #[must_use]
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.options.instance = Some(name.into());
        self
    }

    /// Sets how many handlers may run at once, for each group; 1,024 by default.
    #[must_use]
    pub const fn concurrency(mut self, handlers: usize) -> Self {
        self.options.concurrency = handlers;
        self
    }

    /// Sets how many commands may wait or run, for each group, before calls are refused with
    /// `ResourceExhausted`; 65,536 by default. One-way calls aren't refused, they pause the reading.
    /// So it goes, whatever the limit, when 256 MiB of arguments wait.
    #[must_use]
    pub const fn queue_limit(mut self, commands: usize) -> Self {
        self.options.queue_limit = commands;
        self
    }

    /// Sets in what order commands run; by key by default.
    #[must_use]
    pub const fn ordering(mut self, ordering: Ordering) -> Self {
        self.options.ordering = ordering;
        self
    }

    /// Sets how long running handlers may go on when the server shuts down, or when their partition
    /// goes to another server; 10 s by default, 12 hours at most. What still runs then is stopped,
    /// and runs again on the next owner.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// Sets how far a caller's clock may be from this server's while the caller knows nothing of this
    /// one, as with its first call; 1 s by default, 12 hours at most. Beyond it the command isn't run,
    /// and the caller is told this server's clock; by that a client of this crate sends it again.
    #[must_use]
    pub const fn expiry_allowance(mut self, allowance: Duration) -> Self {
        self.options.expiry_allowance = allowance;
        self
    }

    /// Lets replies be sent to this topic, besides the services' own results topics.
    #[must_use]
    pub fn allow_reply_topic(mut self, topic: impl Into<String>) -> Self {
        self.options.reply_topics.push(topic.into());
        self
    }

    /// Creates topics that are missing, instead of failing; `None`, the default, does not.
    #[must_use]
    pub fn create_topics(mut self, settings: impl Into<Option<TopicSettings>>) -> Self {
        self.options.create_topics = settings.into();
        self
    }

    /// Puts this before the names of the services' topics and groups, so that several environments
    /// can share a cluster; clients need the same prefix.
    #[must_use]
    pub fn topic_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.topic_prefix = prefix.into();
        self
    }

    /// Starts the server: checks the topics and what may be done with them, connects, and joins the groups.
    /// It is done once every group has accepted it as a member, with what the others give up for it; it
    /// may get no partition, and is a standby then. No command is missed meanwhile.
    ///
    /// What prevents that is an error within 5 s. A group that rebalances is waited for, 30 s at most.
    ///
    /// Handlers run on the tokio runtime that is current when this is first polled; if there is
    /// none, the server owns one. A handler is stopped, at its deadline or by a cancel, where it
    /// awaits. One that blocks its thread isn't stopped, and holds a worker of that runtime: give such
    /// work to `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// `InvalidArgument` for settings that make no sense, of the server, of a topic, or of its group;
    /// `Unavailable` for missing topics or an unreachable cluster or coordinator; `PermissionDenied` and
    /// `Unauthenticated` as the cluster says; always with the outcome `NotRun`.
    #[must_use = "the server doesn't start before this is awaited or waited for"]
    pub fn start(self) -> Operation<Result<Server, RpcError>> {
        let Self { transport, options } = self;
        Operation::new(async move {
            options.check()?;
            let transport = transport.map_err(|error| error.into_rpc(Outcome::NotRun))?;
            let running = start::start(transport, options).await?;
            Ok(Server(running))
        })
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .options
            .services
            .iter()
            .map(|service| service.descriptor().name)
            .collect();
        f.debug_struct("ServerBuilder")
            .field("services", &names)
            .field("group", &self.options.group)
            .field("server_id", &self.options.server_id)
            .finish_non_exhaustive()
    }
}
