//! The Kafka that a benchmark runs on.

use kafka_rpc_tests::broker::{Broker, VERSION};

use crate::measure::Outcome;

/// One that was started for this benchmark, or a running one that the user names.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) brokers: String,
    /// As result files tell it.
    pub(crate) version: String,
    started: Option<Broker>,
}

impl Cluster {
    pub(crate) fn open() -> Outcome<Self> {
        if let Ok(brokers) = std::env::var("KAFKA_RPC_BROKERS")
            && !brokers.is_empty()
        {
            return Ok(Self {
                brokers,
                version: "the one of KAFKA_RPC_BROKERS".to_owned(),
                started: None,
            });
        }
        let broker = Broker::builder().start()?;
        Ok(Self {
            brokers: broker.bootstrap(),
            version: format!("{VERSION}, one node on this machine"),
            started: Some(broker),
        })
    }

    /// The broker's process, if it is ours.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.started.as_ref().and_then(Broker::pid)
    }
}
