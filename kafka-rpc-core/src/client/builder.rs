//! Sets the options of a client.

use std::sync::Arc;
use std::time::Duration;

use crate::client::attach;
use crate::client::handle::Client;
use crate::client::options::Options;
use crate::service::topics::TopicSettings;
use crate::transport::{Cluster, Transport, TransportError};
use crate::wire::limits::MAX_BUDGET_MS;
use crate::{Code, Operation, Outcome, RpcError};

/// Sets the options of a [`Client`] and connects it.
#[must_use = "no client is connected before `connect`"]
#[derive(Debug)]
pub struct ClientBuilder {
    transport: Opened,
    options: Options,
}

struct Opened(Result<Arc<dyn Transport>, TransportError>);

impl ClientBuilder {
    pub(super) fn new(cluster: &impl Cluster) -> Self {
        Self {
            transport: Opened(cluster.open()),
            options: Options::default(),
        }
    }

    /// Sets how long a call may take where neither it nor its method says so; 10 s by default, one
    /// hour at most, beyond which its calls end with `InvalidArgument`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets how many calls may be in flight at once before further ones are refused with
    /// `ResourceExhausted`; 16,384 by default. A call counts until its end has been taken or it is
    /// dropped.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.options.max_in_flight = calls;
        self
    }

    /// Listens to this partition of the results topics; by default one is chosen by the random id
    /// of the client instance. If a topic lacks it, `attach` fails.
    pub fn results_partition(mut self, partition: u32) -> Self {
        self.options.results_partition = Some(partition);
        self
    }

    /// Creates missing topics when a service is attached; `None`, the default, does not.
    pub fn create_topics(mut self, settings: impl Into<Option<TopicSettings>>) -> Self {
        self.options.create_topics = settings.into();
        self
    }

    /// Puts this before the names of all topics, so that several environments can share a cluster;
    /// servers need the same prefix.
    pub fn topic_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.topic_prefix = prefix.into();
        self
    }

    /// Connects: when it is done, the first call pays no connecting.
    ///
    /// # Errors
    /// `InvalidArgument` for a refused setting, `Unauthenticated` for refused credentials,
    /// `Unavailable` if no broker answers.
    pub fn connect(self) -> Operation<Result<Client, RpcError>> {
        Operation::new(async move {
            self.options.check()?;
            let transport = self
                .transport
                .0
                .map_err(|error| error.into_rpc(Outcome::NotRun))?;
            let connection = attach::connect(transport, self.options).await?;
            Ok(Client::new(connection))
        })
    }
}

impl Options {
    /// Rejects what would make every call fail.
    fn check(&self) -> Result<(), RpcError> {
        let longest = Duration::from_millis(MAX_BUDGET_MS.into());
        let problem = if self.timeout.is_zero() || self.timeout > longest {
            format!(
                "the client's `timeout` is {:?}; it must be more than zero and at most {longest:?}",
                self.timeout
            )
        } else if self.max_in_flight == 0 {
            "`max_in_flight` must be at least 1".to_owned()
        } else {
            return Ok(());
        };
        Err(RpcError::new(
            Code::InvalidArgument,
            Outcome::NotRun,
            problem,
        ))
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Ok(transport) => f.write_str(&transport.describe()),
            Err(error) => error.fmt(f),
        }
    }
}
