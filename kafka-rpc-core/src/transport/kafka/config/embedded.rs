//! librdkafka's mock cluster as a cluster within the process.

use std::mem;
use std::sync::mpsc;

use rdkafka::ClientConfig;
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaType;

use crate::transport::kafka::client::{blocking, errors};
use crate::transport::kafka::ffi;
use crate::transport::{TopicSpec, TransportError, TransportErrorKind};

/// A mock cluster of one broker; it lives as long as the client that it came with.
pub(in crate::transport::kafka) struct Embedded {
    client: Option<Client<DefaultClientContext>>,
    brokers: String,
}

impl Embedded {
    pub(in crate::transport::kafka) fn start() -> Result<Self, TransportError> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        // Nobody polls this client: nothing that it says may queue up.
        config.set_log_level(RDKafkaLogLevel::Emerg);
        let client = config
            .create_native_config()
            .and_then(|native| {
                Client::new(
                    &config,
                    native,
                    RDKafkaType::RD_KAFKA_PRODUCER,
                    DefaultClientContext,
                )
            })
            .map_err(|error| errors::from_creation(&error))?;
        ffi::form_groups_at_once(&client);
        let Some(brokers) = client
            .mock_cluster()
            .map(|cluster| cluster.bootstrap_servers())
        else {
            return Err(TransportError::new(
                TransportErrorKind::Other,
                "librdkafka started no mock cluster",
            ));
        };
        Ok(Self {
            client: Some(client),
            brokers,
        })
    }

    pub(in crate::transport::kafka) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Creates a topic, of which only the partitions count.
    pub(in crate::transport::kafka) fn create_topic(
        &self,
        topic: &TopicSpec,
    ) -> Result<(), TransportError> {
        let Some(cluster) = self.client.as_ref().and_then(Client::mock_cluster) else {
            return Ok(());
        };
        let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
        match cluster.create_topic(&topic.name, partitions, 1) {
            Ok(()) | Err(KafkaError::MockCluster(RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
            Err(error) => Err(errors::from_kafka(
                &format!("the topic {} can't be created", topic.name),
                &error,
            )),
        }
    }

    #[cfg(test)]
    pub(in crate::transport::kafka) fn client(&self) -> &Client<DefaultClientContext> {
        self.client.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Tearing the cluster down joins its threads. Without a thread for that it is left as it is.
        let (give, take) = mpsc::channel();
        match blocking::spawn("kafka-rpc-embedded", move || drop(take.recv())) {
            Ok(()) => drop(give.send(self.client.take())),
            Err(error) => {
                mem::forget(self.client.take());
                tracing::warn!(target: "kafka_rpc::librdkafka", "{error}");
            }
        }
    }
}
