//! The client that users hold, from which the clients of services are attached.

use std::sync::Arc;

use crate::client::attach;
use crate::client::binding::Binding;
use crate::client::builder::ClientBuilder;
use crate::client::connection::Connection;
use crate::client::health::{self, ClientHealth};
use crate::client::service::ServiceClient;
use crate::client::stats::ClientStats;
use crate::transport::Cluster;
use crate::util::sync::lock;
use crate::{Operation, RpcError};

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
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

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
            let attached = attach::attach(connection, C::DESCRIPTOR).await?;
            Ok(C::from_binding(Binding::new(Arc::new(attached))))
        })
    }

    /// What the client has counted so far.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let topics = &self.connection.commands_topics;
        let mut stats = self.connection.registry.stats();
        stats.avoided_partitions = topics.avoided();
        stats.failed_lookups = topics.failed();
        stats
    }

    /// Whether the client can make calls, and why not. It asks nobody and doesn't block.
    #[must_use]
    pub fn health(&self) -> ClientHealth {
        health::of(&self.connection)
    }

    /// Ends every pending call with `Disconnected`, and refuses new ones with `Unavailable`, on all
    /// clones and attached clients of this instance. Servers aren't told: handlers that run may go on
    /// until their deadlines.
    pub fn close(&self) {
        // In this order; see `listen` in `attach`.
        self.connection.registry.close();
        lock(&self.connection.reply_partitions).clear();
        self.connection.commands_topics.close();
        tracing::info!(target: "kafka_rpc::client", "client closed");
    }
}
