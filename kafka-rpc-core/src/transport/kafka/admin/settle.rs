//! Waits for brokers that don't know a topic yet which others know: the answer to a request for its
//! creation, and any other, may be ahead of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::transport::TransportError;
use crate::transport::kafka::admin::topics::{Lookup, PAUSE, Topic, count};
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::config::clients::Settings;

/// How long it may take until every broker knows a topic that was created.
const CREATED: Duration = Duration::from_secs(5);

/// How long a topic that others have found may be missing at the broker that answers.
const FOUND: Duration = Duration::from_secs(2);

impl Lookup {
    /// Waits until every broker knows a topic that this one knows, since whoever uses it may ask any of
    /// them. In vain where one doesn't answer: the topic is there all the same.
    pub(super) fn settle(&self, settings: &Settings, topic: &str) {
        let until = Instant::now() + CREATED;
        let Ok(metadata) = self.client.fetch_metadata(Some(topic), CREATED) else {
            return;
        };
        let brokers = metadata.brokers();
        if brokers.len() < 2 {
            return;
        }
        for broker in brokers {
            // A client that knows one broker asks that one first.
            let one = Arc::new(Settings {
                brokers: format!("{}:{}", broker.host(), broker.port()),
                ..settings.clone()
            });
            let Ok(lookup) = Self::open(&one) else {
                return;
            };
            while !matches!(lookup.topic(topic, until), Ok(Topic::Ready(_))) {
                if Instant::now() >= until {
                    tracing::debug!(
                        target: "kafka_rpc::librdkafka",
                        topic,
                        broker = one.brokers,
                        "a broker doesn't know a topic yet that was created"
                    );
                    return;
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
}

/// The number of partitions of a topic that others have found: a broker that doesn't know it yet is given
/// some time.
pub(in crate::transport::kafka) fn count_of_existing(
    client: &BaseConsumer<Events>,
    events: &Events,
    name: &str,
    until: Instant,
) -> Result<Option<u32>, TransportError> {
    let patient = until.min(Instant::now() + FOUND);
    loop {
        let found = count(client, events, name, until)?;
        if found.is_some() || Instant::now() >= patient {
            return Ok(found);
        }
        std::thread::sleep(PAUSE);
    }
}
