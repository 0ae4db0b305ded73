//! By which protocol servers share the partitions of a commands topic.

/// The protocol by which the servers of a [`Kafka`](crate::transport::kafka::Kafka) are members of their
/// consumer groups.
///
/// | | `Classic` | `Consumer` (KIP-848) |
/// |---|---|---|
/// | brokers | any | 4.0 and newer |
/// | who decides which server gets which partition | one of the servers | the coordinator |
/// | session and heartbeat | `session.timeout.ms` (6 s) and `heartbeat.interval.ms` (500 ms) of the servers | `group.consumer.session.timeout.ms` (45 s by default) and `group.consumer.heartbeat.interval.ms` (5 s) of the brokers, or of the group |
/// | how long a partition goes unserved when servers come and go | about a second | up to the brokers' heartbeat interval |
/// | a server with a static name that is shut down | leaves, and others take over at once | its partitions wait for it, up to the session timeout |
/// | two servers of one static name | the later one takes it; the earlier one goes on without a name | the later one is refused until the earlier one has left, or its session has ended |
///
/// To change a group from `Classic` to `Consumer`, stop all of its servers, and then start the new ones: calls
/// with a few seconds left are answered by these. Brokers don't convert a group whose servers run, since
/// librdkafka puts data of its own into what `cooperative-sticky` assigns, as only a custom assignor is meant
/// to. From `Consumer` to `Classic` a server at a time may be exchanged: no call fails. Let the servers have their
/// parts before the next one goes (their health names the partitions): when the last `Consumer` leaves, brokers
/// refuse the commits of a `Classic` that hasn't caught up with the group, and what it did just before runs again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupProtocol {
    /// The protocol of all brokers, with the assignor `cooperative-sticky`.
    #[default]
    Classic,
    /// The protocol of KIP-848, `group.protocol=consumer`. The settings `session.timeout.ms`,
    /// `heartbeat.interval.ms` and `partition.assignment.strategy` don't exist with it.
    Consumer,
}
