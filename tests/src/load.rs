//! The service of the tests that run in several processes; its server and its client are the
//! binary `worker`.

use std::time::Duration;

use kafka_rpc::TopicSettings;

/// Echoes, and takes its time.
#[kafka_rpc::service]
pub trait Load {
    /// Returns what it was given.
    async fn echo(&self, data: Vec<u8>) -> Vec<u8>;

    /// Prints `began {name}`, waits, and prints `ended {name}`; or `stopped {name}` if it is
    /// stopped before.
    async fn sleep(&self, name: String, milliseconds: u64) -> u64;

    /// The server's process id.
    async fn who(&self) -> u32;
}

/// The service's topics. Replies are kept so long that a server whose clock is an hour behind loses
/// none.
#[must_use]
pub fn topics(commands_partitions: u32) -> TopicSettings {
    TopicSettings::default()
        .commands_partitions(commands_partitions)
        .results_partitions(1)
        .results_retention(Duration::from_secs(24 * 60 * 60))
}

/// An implementation for servers within the test's own process.
#[derive(Debug)]
pub struct Local;

impl Load for Local {
    async fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }

    async fn sleep(&self, _name: String, milliseconds: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        milliseconds
    }

    async fn who(&self) -> u32 {
        std::process::id()
    }
}
