//! Topics that belong to one test.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::process::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);

/// Names with a prefix that no other test has. Dropping it deletes every topic with that prefix,
/// also those that others made, and also after a panic.
#[derive(Debug)]
pub struct Topics {
    bootstrap: String,
    prefix: String,
}

impl Topics {
    /// A new prefix for the cluster at `bootstrap`.
    pub fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            prefix: format!("test-{:016x}-", fastrand::u64(..)),
        }
    }

    /// The full name for a topic or a group.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Creates a topic and returns its full name when it can be used.
    ///
    /// # Panics
    /// It can't be created.
    pub fn create(&self, name: &str, partitions: u32) -> String {
        let name = self.name(name);
        let admin = self.admin();
        let partitions = i32::try_from(partitions).expect("a number of partitions");
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(-1));
        let created = block_on(admin.create_topics([&topic], &options()))
            .expect("the cluster answers")
            .remove(0);
        if let Err((_, code)) = created {
            panic!("the topic {name} can't be created: {code}");
        }
        // The answer may come before every broker knows the topic's leaders.
        let ready = wait_until(PATIENCE, || {
            let metadata = admin.inner().fetch_metadata(Some(&name), PATIENCE);
            metadata.is_ok_and(|metadata| {
                metadata.topics().iter().any(|topic| {
                    topic.partitions().len() == usize::try_from(partitions).unwrap_or_default()
                        && topic.partitions().iter().all(|one| one.leader() >= 0)
                })
            })
        });
        assert!(ready, "the topic {name} has no leaders");
        name
    }

    /// Raises the number of partitions of a topic to `total`.
    ///
    /// # Panics
    /// It can't be raised.
    pub fn grow(&self, name: &str, total: usize) {
        let name = self.name(name);
        let more = NewPartitions::new(&name, total);
        let grown = block_on(self.admin().create_partitions([&more], &options()))
            .expect("the cluster answers")
            .remove(0);
        if let Err((_, code)) = grown {
            panic!("the topic {name} can't grow: {code}");
        }
    }

    /// Deletes a topic, and returns when the cluster knows it no more.
    ///
    /// # Panics
    /// It can't be deleted.
    pub fn delete(&self, name: &str) {
        let name = self.name(name);
        let admin = self.admin();
        let deleted = block_on(admin.delete_topics(&[&name], &options()))
            .expect("the cluster answers")
            .remove(0);
        if let Err((_, code)) = deleted {
            panic!("the topic {name} can't be deleted: {code}");
        }
        let gone = wait_until(PATIENCE, || {
            let metadata = admin.inner().fetch_metadata(None, PATIENCE);
            metadata
                .is_ok_and(|metadata| metadata.topics().iter().all(|topic| topic.name() != name))
        });
        assert!(gone, "the topic {name} is still there");
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .create()
            .expect("an admin client can be made")
    }

    fn delete_all(&self) -> Result<(), rdkafka::error::KafkaError> {
        let admin = self.admin();
        let metadata = admin.inner().fetch_metadata(None, PATIENCE)?;
        let ours: Vec<&str> = metadata
            .topics()
            .iter()
            .map(rdkafka::metadata::MetadataTopic::name)
            .filter(|name| name.starts_with(&self.prefix))
            .collect();
        if !ours.is_empty() {
            block_on(admin.delete_topics(&ours, &options()))?;
        }
        Ok(())
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        if let Err(error) = self.delete_all() {
            // No panic: the test may have stopped its broker, or be panicking already.
            eprintln!("the topics {}* can't be deleted: {error}", self.prefix);
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}

/// Runs a future that other threads complete, whether or not this thread belongs to a runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
