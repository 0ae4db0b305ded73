//! Looks up, again and again, how many partitions topics have, with the client that produces to them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::transport::kafka::client::blocking;
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::producer::delivery::Shared;
use crate::transport::{TopicsSink, TransportError, Watch};

/// How long one look-up may take. A producer that is closed meanwhile ends that much later.
const TIMEOUT: Duration = Duration::from_secs(1);

pub(in crate::transport::kafka) fn start(
    shared: &Arc<Shared>,
    every: Duration,
    sink: Arc<dyn TopicsSink>,
) -> Result<Box<dyn Watch>, TransportError> {
    let stop = Arc::new(Latch::default());
    let (stopped, shared) = (Arc::clone(&stop), Arc::downgrade(shared));
    blocking::spawn("kafka-rpc-topics", move || {
        while !stopped.wait(every) {
            look_up(&shared, &*sink);
        }
    })?;
    Ok(Box::new(Handle(stop)))
}

/// One look-up of all topics.
fn look_up(shared: &Weak<Shared>, sink: &dyn TopicsSink) {
    let topics = sink.topics();
    if topics.is_empty() {
        return;
    }
    // Borrowed for the time of the look-up only: the producer's thread waits for it before it destroys
    // the client.
    let Some(client) = shared.upgrade().and_then(|shared| shared.client()) else {
        return;
    };
    let found = client.partition_counts(&topics, TIMEOUT);
    drop(client);
    match found {
        Ok(counts) => {
            for (topic, count) in topics.iter().zip(counts) {
                if let Some(count) = count {
                    sink.has(topic, count);
                }
            }
        }
        Err(error) => sink.trouble(errors::from_kafka(
            "the numbers of partitions can't be looked up",
            &error,
        )),
    }
}

struct Handle(Arc<Latch>);

impl Watch for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.open();
    }
}
