//! The librdkafka settings of each kind of client, and those that users can't override.

/// Settings by name; of two with one name the later counts.
pub(in crate::transport::kafka) type Table = &'static [(&'static str, &'static str)];

/// Every client.
pub(in crate::transport::kafka) const COMMON: Table = &[
    ("client.id", "kafka-rpc"),
    // Looking a topic up must never create it with the broker's default number of partitions.
    ("allow.auto.create.topics", "false"),
    // Telemetry and idle disconnects are noise in the logs of a client that is mostly idle.
    ("enable.metrics.push", "false"),
    ("log.connection.close", "false"),
    // Brokers close idle connections, and a hung one should be noticed in seconds.
    ("socket.keepalive.enable", "true"),
    ("socket.timeout.ms", "10000"),
    ("reconnect.backoff.ms", "20"),
    ("reconnect.backoff.max.ms", "1000"),
    ("retry.backoff.ms", "10"),
    ("retry.backoff.max.ms", "250"),
    // A topic that was re-created, or that grew, is seen within this time at the latest.
    ("topic.metadata.refresh.interval.ms", "5000"),
    ("topic.metadata.propagation.max.ms", "3000"),
];

/// Producers.
pub(in crate::transport::kafka) const PRODUCER: Table = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // Records batch by themselves while requests are in flight; any linger is a millisecond.
    ("linger.ms", "0"),
    ("max.in.flight.requests.per.connection", "5"),
    ("queue.buffering.backpressure.threshold", "1"),
    ("queue.buffering.max.kbytes", "65536"),
    // Not a call's deadline, which has its own timer: only how long a record is worth retrying.
    ("message.timeout.ms", "30000"),
];

/// Producers of what may be in the log twice. Librdkafka keeps a producer that is idempotent from
/// sending a batch while more than a few records of that partition aren't acknowledged, and its
/// thread spins meanwhile.
pub(in crate::transport::kafka) const UNORDERED_PRODUCER: Table =
    &[("enable.idempotence", "false")];

/// Consumers with and without a group.
pub(in crate::transport::kafka) const CONSUMER: Table = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("isolation.level", "read_uncommitted"),
    ("check.crcs", "true"),
    // Bounds what waits behind a long poll: a new partition, a lookup on the same connection.
    ("fetch.wait.max.ms", "100"),
    ("fetch.error.backoff.ms", "10"),
    // The default of a second stalls whoever drains a full queue.
    ("fetch.queue.backoff.ms", "1"),
];

/// The groupless listener.
pub(in crate::transport::kafka) const LISTENER: Table = &[
    // A truncated partition must be reported, never skipped over in silence.
    ("auto.offset.reset", "error"),
    // A first fetch that found nothing proves that replies can be read. Later ones cost little:
    // only a fetch that waited in vain ends so.
    ("enable.partition.eof", "true"),
];

/// A group's member.
pub(in crate::transport::kafka) const MEMBER: Table = &[("auto.offset.reset", "earliest")];

/// A group's member by the classic protocol.
pub(in crate::transport::kafka) const CLASSIC: Table = &[
    ("group.protocol", "classic"),
    ("partition.assignment.strategy", "cooperative-sticky"),
];

/// A group's member by the protocol of KIP-848, whose sessions are the brokers' business.
pub(in crate::transport::kafka) const CONSUMER_PROTOCOL: Table = &[("group.protocol", "consumer")];

/// What only the classic protocol has.
pub(in crate::transport::kafka) const CLASSIC_ONLY: &[&str] =
    &["session.timeout.ms", "heartbeat.interval.ms"];

/// The sessions of a member by the classic protocol.
pub(in crate::transport::kafka) const SESSIONS: Table = &[
    ("session.timeout.ms", "6000"),
    // A rebalance is heard of with the next heartbeat, and when a member leaves, its partitions are
    // read by nobody until the slowest member has heard of it. Librdkafka looks every half a second.
    ("heartbeat.interval.ms", "500"),
];

/// What [`Profile::Throughput`](crate::transport::kafka::Profile::Throughput) changes. Nothing else earned its place:
/// - A broker that gathers records before it answers a fetch (`fetch.min.bytes`) saves little beside
///   the producer's gathering, and keeps a few calls waiting for others that never come.
/// - Fewer requests in flight, so that more records gather meanwhile, save little.
/// - The limits of a batch are far away, and whether compression pays depends on the payloads.
pub(in crate::transport::kafka) const THROUGHPUT: Table = &[
    // With 1 a call costs more CPU time, and with 5 no less.
    ("linger.ms", "2"),
];

/// Consumers on the embedded cluster, whose long polls aren't woken by a new record.
pub(in crate::transport::kafka) const EMBEDDED: Table = &[("fetch.wait.max.ms", "1")];

/// Members on the embedded cluster, whose groups take a session's length less a second for every
/// rebalance but the first.
pub(in crate::transport::kafka) const EMBEDDED_SESSIONS: Table = &[
    ("session.timeout.ms", "2000"),
    ("heartbeat.interval.ms", "300"),
];

/// What users can't override, and why.
const REFUSED: Table = &[
    ("bootstrap.servers", "it is what `Kafka::new` is given"),
    (
        "metadata.broker.list",
        "the brokers are what `Kafka::new` is given",
    ),
    (
        "enable.idempotence",
        "without it a retried record is appended twice",
    ),
    (
        "enable.gapless.guarantee",
        "it would end a producer at the first lost record",
    ),
    (
        "acks",
        "an acknowledged record must not be lost with one broker",
    ),
    (
        "request.required.acks",
        "an acknowledged record must not be lost with one broker",
    ),
    (
        "delivery.report.only.error",
        "acknowledgements are what commits wait for",
    ),
    (
        "partitioner",
        "the partition of a call is chosen before the record is produced",
    ),
    (
        "partitioner_cb",
        "the partition of a call is chosen before the record is produced",
    ),
    ("transactional.id", "the producer isn't transactional"),
    (
        "group.id",
        "a server's group is set on the server, and a client has none",
    ),
    (
        "group.instance.id",
        "a static member's name is set on the server",
    ),
    (
        "group.protocol",
        "it is what `Kafka::group_protocol` is given",
    ),
    (
        "group.remote.assignor",
        "how servers share partitions is left to the brokers",
    ),
    (
        "partition.assignment.strategy",
        "the revocation of partitions rests on cooperative-sticky",
    ),
    (
        "enable.auto.commit",
        "an offset is committed when its call is answered, and not before",
    ),
    (
        "enable.auto.offset.store",
        "an offset is committed when its call is answered, and not before",
    ),
    (
        "auto.offset.reset",
        "a gap in the replies must be reported, and no command skipped",
    ),
    (
        "isolation.level",
        "an open transaction of someone else would hide later replies",
    ),
    (
        "allow.auto.create.topics",
        "looking a topic up must never create it",
    ),
    (
        "enable.partition.eof",
        "the listener is ready with the first of them",
    ),
    ("log.queue", "the logs are read from the queue"),
    (
        "test.mock.num.brokers",
        "a cluster within the process is what `Kafka::embedded` gives",
    ),
];

/// Why a setting can't be overridden, if so.
pub(in crate::transport::kafka) fn refusal(key: &str) -> Option<&'static str> {
    REFUSED
        .iter()
        .find(|(refused, _)| *refused == key)
        .map(|(_, reason)| *reason)
}

/// A setting's value for people and logs.
pub(in crate::transport::kafka) fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if is_secret(key) { "***" } else { value }
}

/// Whether a setting's value may be a secret; rather one too many than one too few.
fn is_secret(key: &str) -> bool {
    [
        "password",
        "secret",
        "pem",
        "token",
        "jaas",
        "oauthbearer",
        "assertion",
    ]
    .iter()
    .any(|part| key.contains(part))
}
