//! The services of the benchmarks that need no Kafka or look into the server's process.

use kafka_rpc::testing::MemoryBroker;
use kafka_rpc::{Client, RpcError, Server, TopicSettings};
use kafka_rpc_tests::allocations::Count;

use crate::HEAP;

/// Answers at once.
#[kafka_rpc::service(commands = "commands", results = "results")]
pub(crate) trait Probe {
    /// Takes and returns nothing that lies on the heap.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Returns its argument.
    async fn echo(&self, data: Vec<u8>) -> Vec<u8>;
    /// How often the server's process has asked for memory, and for how many bytes.
    async fn allocations(&self) -> (u64, u64);
}

#[derive(Debug)]
pub(crate) struct Prompt;

impl Probe for Prompt {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }

    async fn allocations(&self) -> (u64, u64) {
        let Count {
            allocations, bytes, ..
        } = HEAP.count();
        (allocations, bytes)
    }
}

/// A service that nobody serves: its calls stay pending.
#[kafka_rpc::service(commands = "silence", results = "results")]
pub(crate) trait Silence {
    /// Is never answered.
    async fn ask(&self, a: i64, b: i64) -> i64;
}

/// A broker in memory with a served [`Probe`] and a [`Silence`], and a client of both.
pub(crate) struct InMemory {
    pub(crate) broker: MemoryBroker,
    pub(crate) client: Client,
    pub(crate) probe: ProbeClient,
    pub(crate) silence: SilenceClient,
    _server: Server,
}

impl InMemory {
    /// On the runtime that this is called on, or one of its own.
    pub(crate) fn start(max_in_flight: usize) -> Result<Self, RpcError> {
        let broker = MemoryBroker::new();
        let topics = TopicSettings::default()
            .commands_partitions(1)
            .results_partitions(1);
        // In memory every step is done at its first poll, so that waiting never blocks a runtime.
        let server = Server::builder(&broker)
            .create_topics(topics.clone())
            .service(ProbeServer::new(Prompt))
            .start()
            .wait()?;
        let client = Client::builder(&broker)
            .create_topics(topics)
            .max_in_flight(max_in_flight)
            .connect()
            .wait()?;
        Ok(Self {
            probe: client.attach().wait()?,
            silence: client.attach().wait()?,
            broker,
            client,
            _server: server,
        })
    }
}
