//! One case's own corner of a cluster: its topics, its clients and servers, and raw records.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafka_rpc::testing::MemoryBroker;
use kafka_rpc::{
    Client, ClientBuilder, Kafka, Server, ServerBuilder, ServiceClient, TopicSettings,
};
use kafka_rpc_core::transport::{
    self, Delivery, DeliverySink, Duplicates, Incoming, Listener, ListenerSink, Producer, Record,
    Transport, TransportError,
};
use kafka_rpc_tests::topics::Topics;
use tokio::sync::mpsc;

use crate::probe::{Desk, ProbeClient, ProbeServer};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(crate) enum Cluster {
    Memory(MemoryBroker),
    Kafka(Kafka),
}

/// One case's own corner of a cluster.
#[derive(Clone)]
pub(crate) struct World {
    cluster: Cluster,
    prefix: String,
    transport: Arc<dyn Transport>,
    /// On real Kafka.
    topics: Option<Arc<Topics>>,
}

impl World {
    pub(crate) fn new(cluster: Cluster, prefix: String, topics: Option<Arc<Topics>>) -> Self {
        let transport = match &cluster {
            Cluster::Memory(broker) => transport::open(broker),
            Cluster::Kafka(kafka) => transport::open(kafka),
        };
        Self {
            cluster,
            prefix,
            transport: transport.expect("the settings are good"),
            topics,
        }
    }

    /// The full name of one of this case's topics.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn topics() -> TopicSettings {
        TopicSettings::default()
            .commands_partitions(3)
            .results_partitions(1)
            .replication(1)
    }

    pub(crate) fn client_builder(&self) -> ClientBuilder {
        let builder = match &self.cluster {
            Cluster::Memory(broker) => Client::builder(broker),
            Cluster::Kafka(kafka) => Client::builder(kafka),
        };
        builder
            .topic_prefix(&self.prefix)
            .create_topics(Self::topics())
            .timeout(Duration::from_secs(20))
    }

    pub(crate) fn server_builder(&self) -> ServerBuilder {
        let builder = match &self.cluster {
            Cluster::Memory(broker) => Server::builder(broker),
            Cluster::Kafka(kafka) => Server::builder(kafka),
        };
        builder
            .topic_prefix(&self.prefix)
            .create_topics(Self::topics())
    }

    pub(crate) async fn client(&self) -> Client {
        self.client_builder().connect().await.expect("a client")
    }

    pub(crate) async fn attach<C: ServiceClient + 'static>(&self) -> C {
        self.client().await.attach().await.expect("attached")
    }

    pub(crate) async fn serve(&self, desk: &Desk) -> Server {
        self.start(self.server_builder(), desk).await
    }

    pub(crate) async fn start(&self, builder: ServerBuilder, desk: &Desk) -> Server {
        builder
            .service(ProbeServer::new(desk.clone()))
            .start()
            .await
            .expect("a server")
    }

    /// A server, a client and the server's journal, warmed up.
    pub(crate) async fn pair(&self) -> (Server, ProbeClient, Desk) {
        let desk = Desk::default();
        let server = self.serve(&desk).await;
        let probe: ProbeClient = self.attach().await;
        self.warm_up(&probe).await;
        (server, probe, desk)
    }

    /// Returns when every commands partition is served.
    pub(crate) async fn warm_up(&self, probe: &ProbeClient) {
        for partition in 0..3 {
            let warm = probe.subtract(1, 1).partition(partition);
            warm.timeout(Duration::from_secs(30)).await.expect("served");
        }
    }

    /// Waits for a condition, checked often; panics with `what` when it takes too long.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let start = tokio::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < PATIENCE, "never came true: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Appends a record as it is.
    pub(crate) async fn produce(
        &self,
        topic: &str,
        partition: u32,
        key: Option<&[u8]>,
        value: &[u8],
    ) {
        self.produce_dated(topic, partition, key, value, 0).await;
    }

    /// The same, with a timestamp that is so far ahead.
    pub(crate) async fn produce_dated(
        &self,
        topic: &str,
        partition: u32,
        key: Option<&[u8]>,
        value: &[u8],
        ahead_ms: i64,
    ) {
        let (sender, mut deliveries) = mpsc::unbounded_channel();
        let producer: Arc<dyn Producer> = self
            .transport
            .producer(Duplicates::Never, Arc::new(Deliveries(sender)))
            .await
            .expect("a producer");
        let record = Record {
            topic: &self.topic(topic),
            partition,
            key,
            value,
            headers: &[],
            timestamp_ms: self.transport.clock().wall_ms() + ahead_ms,
            urgent: true,
        };
        producer.produce(record, 0).expect("handed over");
        assert!(deliveries.recv().await.expect("a report"), "not persisted");
    }

    /// Reads what is appended to a partition from now on.
    pub(crate) async fn tail(&self, topic: &str, partition: u32) -> Tail {
        let records = Arc::new(Records::default());
        let listener = self
            .transport
            .listen(&self.topic(topic), partition, Arc::clone(&records) as _)
            .await
            .expect("a listener");
        Tail {
            world: self.clone(),
            records,
            _listener: listener,
        }
    }

    /// Deletes a topic and creates it anew, empty.
    pub(crate) async fn recreate(&self, topic: &str) {
        match (&self.cluster, &self.topics) {
            (Cluster::Memory(broker), _) => broker
                .faults()
                .recreate_topic(&self.topic(topic))
                .expect("the topic is there"),
            (Cluster::Kafka(_), Some(topics)) => {
                let (topics, topic) = (Arc::clone(topics), topic.to_owned());
                tokio::task::spawn_blocking(move || {
                    topics.delete(&topic);
                    topics.create(&topic, 1);
                })
                .await
                .expect("the topic is made anew");
            }
            (Cluster::Kafka(_), None) => panic!("the mock cluster can't delete topics"),
        }
    }

    /// Raises the number of partitions of a topic.
    pub(crate) async fn grow(&self, topic: &str, total: u32) {
        match (&self.cluster, &self.topics) {
            (Cluster::Memory(broker), _) => broker
                .faults()
                .add_partitions(&self.topic(topic), total)
                .expect("the topic is there"),
            (Cluster::Kafka(_), Some(topics)) => {
                let (topics, topic) = (Arc::clone(topics), topic.to_owned());
                let total = usize::try_from(total).expect("a number of partitions");
                tokio::task::spawn_blocking(move || topics.grow(&topic, total))
                    .await
                    .expect("the topic has grown");
            }
            (Cluster::Kafka(_), None) => panic!("the mock cluster can't grow topics"),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.transport.clock().now()
    }
}

/// A record as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// What was appended to a partition since it was opened.
pub(crate) struct Tail {
    world: World,
    records: Arc<Records>,
    _listener: Box<dyn Listener>,
}

impl Tail {
    pub(crate) fn records(&self) -> Vec<Copied> {
        self.records
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until there are `count` records.
    pub(crate) async fn first(&self, count: usize) -> Vec<Copied> {
        self.world
            .until("enough records", || self.records().len() >= count)
            .await;
        self.records()
    }
}

#[derive(Default)]
struct Records(Mutex<Vec<Copied>>);

impl ListenerSink for Records {
    fn record(&self, record: Incoming<'_>) {
        let mut headers = Vec::new();
        record
            .headers
            .each(&mut |name, value| headers.push((name.to_owned(), value.to_vec())));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Copied {
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.unwrap_or_default().to_vec(),
                headers,
            });
    }

    fn gap(&self, _: Option<u64>) {}

    fn trouble(&self, _: TransportError) {}
}

struct Deliveries(mpsc::UnboundedSender<bool>);

impl DeliverySink for Deliveries {
    fn delivered(&self, _: u64, delivery: Delivery) {
        let _ = self.0.send(matches!(delivery, Delivery::Persisted));
    }
}
