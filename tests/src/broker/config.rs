//! A broker's `server.properties` and its ports.

use std::net::TcpListener;
use std::path::Path;

use super::tls;

/// The ports of one broker, all on the loopback interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    /// For clients, with the security that was asked for.
    pub(super) client: u16,
    /// For the broker itself and for set-up, without any.
    pub(super) internal: u16,
    pub(super) controller: u16,
}

/// A broker's place among those that it forms a cluster with.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) cluster: String,
    /// Its own id.
    pub(super) node: usize,
    /// The controller ports of all, itself included, by node id.
    pub(super) voters: Vec<(usize, u16)>,
}

impl Seat {
    /// That of a broker by itself.
    pub(super) fn alone(ports: Ports) -> Self {
        Self {
            cluster: cluster_id(),
            node: 1,
            voters: vec![(1, ports.controller)],
        }
    }
}

/// What clients have to do.
#[derive(Clone, Default)]
pub(super) struct Security {
    pub(super) tls: bool,
    /// Name and password.
    pub(super) user: Option<(String, String)>,
}

impl Ports {
    pub(super) fn choose(client: Option<u16>) -> Self {
        Self {
            client: client.unwrap_or_else(free_port),
            internal: free_port(),
            controller: free_port(),
        }
    }
}

/// A port that nobody listens on. It is from below the range out of which the kernel takes the
/// ports of outgoing connections: so none of those takes it while the broker is being restarted.
fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Whether a broker ended because another process took one of its ports first.
pub(super) fn is_lost_port(failure: &str) -> bool {
    ["Address already in use", "Unable to start acceptor"]
        .iter()
        .any(|sign| failure.contains(sign))
}

/// A random cluster id: 22 characters of base64url that stand for 16 bytes.
pub(super) fn cluster_id() -> String {
    // The last character holds two bits only; neither an id's beginning nor its end may be `-`.
    let mut id: String = (0..21).map(|_| fastrand::alphanumeric()).collect();
    id.push(fastrand::choice(['A', 'Q', 'g', 'w']).unwrap_or('A'));
    id
}

pub(super) fn properties(
    folder: &Path,
    ports: Ports,
    seat: &Seat,
    security: &Security,
    overrides: &[(String, String)],
) -> String {
    let Ports {
        client,
        internal,
        controller,
    } = ports;
    let protocol = match (security.tls, &security.user) {
        (false, None) => "PLAINTEXT",
        (true, None) => "SSL",
        (false, Some(_)) => "SASL_PLAINTEXT",
        (true, Some(_)) => "SASL_SSL",
    };
    let folder = folder.display();
    let node = seat.node;
    let voters: Vec<String> = seat
        .voters
        .iter()
        .map(|(node, port)| format!("{node}@127.0.0.1:{port}"))
        .collect();
    let voters = voters.join(",");
    // Records that are too old for their topic go within a second, not at one of the rare moments at
    // which a broker looks for them by default: a test that depends on it fails soon.
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id={node}\n\
         controller.quorum.voters={voters}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=INTERNAL\n\
         listeners=CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal},\
         CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal}\n\
         listener.security.protocol.map=CLIENT:{protocol},INTERNAL:PLAINTEXT,\
         CONTROLLER:PLAINTEXT\n\
         log.dirs={folder}/log\n\
         log.initial.task.delay.ms=1000\n\
         log.retention.check.interval.ms=1000\n\
         auto.create.topics.enable=false\n\
         num.partitions=1\n\
         num.network.threads=2\n\
         num.io.threads=4\n\
         log.cleaner.dedupe.buffer.size=2097152\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         transaction.state.log.num.partitions=4\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         share.coordinator.state.topic.num.partitions=4\n\
         group.initial.rebalance.delay.ms=0\n\
         group.consumer.heartbeat.interval.ms=500\n\
         group.consumer.min.heartbeat.interval.ms=500\n\
         group.consumer.assignment.interval.ms=0\n\
         group.consumer.session.timeout.ms=6000\n\
         group.consumer.min.session.timeout.ms=6000\n\
         group.coordinator.append.linger.ms=0\n"
    );
    if let Some((user, password)) = &security.user {
        text += &format!(
            "sasl.enabled.mechanisms=PLAIN\n\
             listener.name.client.plain.sasl.jaas.config=\
             org.apache.kafka.common.security.plain.PlainLoginModule required \
             user_{user}=\"{password}\";\n"
        );
    }
    if security.tls {
        text += &format!(
            "ssl.keystore.type=PEM\n\
             ssl.keystore.location={folder}/{}\n",
            tls::KEY_STORE_FILE,
        );
    }
    // The last line of a key wins.
    for (key, value) in overrides {
        text += &format!("{key}={value}\n");
    }
    text
}
