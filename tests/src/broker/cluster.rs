//! One broker or several that form a cluster.

use super::config::{self, Ports, Seat};
use super::distribution::Distribution;
use super::{Broker, Builder, PORT_ATTEMPTS, Unavailable, unavailable};

/// Kafka nodes that form a cluster: each is a broker and a voter of the controllers' quorum.
///
/// Of several, every topic has three replicas, or as many as there are nodes, and takes no record that
/// fewer than two of them have.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Broker>,
}

impl Cluster {
    /// Starts this many nodes. Returns when each of them answers and knows all others.
    ///
    /// # Errors
    /// [`Unavailable`]: this machine lacks what a broker needs.
    ///
    /// # Panics
    /// It has everything, but the nodes don't come up; or `nodes` is zero.
    pub fn start(nodes: usize) -> Result<Self, Unavailable> {
        assert!(nodes > 0, "a cluster needs a node");
        if nodes == 1 {
            let node = Broker::builder().start()?;
            return Ok(Self { nodes: vec![node] });
        }
        let distribution = Distribution::locate()?;
        let mut attempt = 1;
        loop {
            match Self::start_once(&distribution, nodes) {
                Ok(cluster) => return Ok(cluster),
                Err(failure) if attempt < PORT_ATTEMPTS && config::is_lost_port(&failure) => {
                    attempt += 1;
                }
                Err(failure) => panic!("the cluster can't be started: {failure}"),
            }
        }
    }

    /// As [`Cluster::start`], for tests: where there can be no broker, reports the test as skipped
    /// and returns `None`.
    ///
    /// # Panics
    /// As [`Cluster::start`], or a broker is required (`KAFKA_RPC_REQUIRE_BROKER=1`) and there can
    /// be none.
    #[track_caller]
    pub fn start_or_skip(nodes: usize) -> Option<Self> {
        Self::start(nodes)
            .map_err(|reason| unavailable::skip(&reason))
            .ok()
    }

    /// `host:port` of each node, for clients.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(Broker::bootstrap).collect();
        addresses.join(",")
    }

    /// How many nodes there are.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// The node with this id, from 1.
    ///
    /// # Panics
    /// There is none.
    pub fn node(&mut self, id: usize) -> &mut Broker {
        &mut self.nodes[id - 1]
    }

    fn start_once(distribution: &Distribution, nodes: usize) -> Result<Self, String> {
        let ports: Vec<Ports> = (0..nodes).map(|_| Ports::choose(None)).collect();
        let controllers = ports.iter().map(|ports| ports.controller);
        let voters: Vec<(usize, u16)> = (1..).zip(controllers).collect();
        let cluster = config::cluster_id();
        let mut started = Vec::new();
        for (node, ports) in (1..).zip(ports) {
            let seat = Seat {
                cluster: cluster.clone(),
                node,
                voters: voters.clone(),
            };
            started.push(replicated(nodes).launch(distribution, ports, seat)?);
        }
        for node in &mut started {
            node.wait_until_ready()?;
        }
        Ok(Self { nodes: started })
    }
}

/// The settings of a node whose topics have replicas on others.
fn replicated(nodes: usize) -> Builder {
    let replicas = nodes.min(3).to_string();
    let mut builder = Broker::builder().property("min.insync.replicas", "2");
    for topic in [
        "offsets.topic",
        "transaction.state.log",
        "share.coordinator.state.topic",
    ] {
        builder = builder.property(&format!("{topic}.replication.factor"), &replicas);
    }
    builder
        .property("default.replication.factor", &replicas)
        .property("transaction.state.log.min.isr", "2")
        .property("share.coordinator.state.topic.min.isr", "2")
}
