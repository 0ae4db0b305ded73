//! What a server is told before it starts.

use std::sync::Arc;
use std::time::Duration;

use crate::server::schedule::Ordering;
use crate::service::TopicSettings;
use crate::{Code, Outcome, RpcError, Service};

/// The longest grace period and allowance: a group member may go without polling for a day at most.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// What a server is told before it starts; [`ServerBuilder`](super::ServerBuilder) says what each means.
pub(super) struct Options {
    pub(super) services: Vec<Arc<dyn Service>>,
    pub(super) group: Option<String>,
    pub(super) server_id: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) concurrency: usize,
    pub(super) queue_limit: usize,
    pub(super) ordering: Ordering,
    pub(super) grace: Duration,
    pub(super) expiry_allowance: Duration,
    pub(super) reply_topics: Vec<String>,
    pub(super) create_topics: Option<TopicSettings>,
    pub(super) topic_prefix: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
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
}

impl Options {
    /// Checks what can be checked without a cluster.
    pub(super) fn check(&self) -> Result<(), RpcError> {
        let problem = if self.services.is_empty() {
            Some("a server needs a service: add one with `service`".to_owned())
        } else if self.group.as_deref() == Some("") {
            Some("`group` is empty: leave it out for the service's own name".to_owned())
        } else if self.instance.as_deref() == Some("") {
            Some("`instance` is empty: leave it out for a server without a static name".to_owned())
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
