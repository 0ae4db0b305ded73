//! How records come from topics: to a listener without a group, or to a member of one.

use std::fmt;
use std::time::Duration;

use crate::transport::{BoxFuture, Standing, TransportError};

/// A record from a topic, borrowed from the transport's buffer.
pub struct Incoming<'a> {
    /// The partition that it was read from.
    pub partition: u32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its timestamp in milliseconds since the Unix epoch; 0 if it has none.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, decoded only when asked for.
    pub headers: &'a dyn Headers,
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        f.debug_struct("Incoming")
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// The headers of an incoming record.
pub trait Headers {
    /// Calls `visit` with each header that has a value, in order.
    fn each(&self, visit: &mut dyn FnMut(&str, &[u8]));
}

/// Is told what a groupless listener reads.
pub trait ListenerSink: Send + Sync {
    /// A record was read.
    fn record(&self, record: Incoming<'_>);

    /// Records were lost between the last one and the next: the partition was truncated by
    /// retention, or its topic was re-created. `lost` is how many, where the offsets tell.
    fn gap(&self, lost: Option<u64>);

    /// Something failed, and the listener goes on trying.
    fn trouble(&self, error: TransportError);
}

/// A running listener. Dropping it stops it, without blocking.
pub trait Listener: Send + Sync {
    /// What keeps it from reading now, without asking anybody.
    fn trouble(&self) -> Option<TransportError>;
}

/// How to join a consumer group.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The group's name.
    pub group: String,
    /// The one topic that is subscribed to.
    pub topic: String,
    /// A static member's name, which keeps its partitions over a quick restart. Members of one group on
    /// different topics may have the same name.
    pub instance: Option<String>,
}

/// Is told what a group member reads, and what it owns.
pub trait GroupSink: Send + Sync {
    /// These partitions are the member's from now on; called before any of their records.
    fn assigned(&self, partitions: &[Assigned]);

    /// These partitions are given up now: no record of them comes after this. Returns what is to be
    /// committed of them for the last time, which the group is told before they are the next owner's.
    fn revoked(&self, partitions: &[u32]) -> Vec<Progress>;

    /// The last commit of these partitions, which were revoked, wasn't taken: their next owner goes on
    /// from an earlier one.
    fn not_handed_over(&self, partitions: &[u32]);

    /// These partitions are the member's no longer, and nothing more can be committed for them.
    fn lost(&self, partitions: &[u32]);

    /// What is to be committed of each partition that has [progressed](Membership::progressed) since
    /// this was asked last.
    fn progress(&self) -> Vec<Progress>;

    /// A record was read. What this returns is to be run at once, on the same thread.
    fn record(&self, record: Incoming<'_>) -> Option<Box<dyn Work>>;

    /// No further record is at hand: what was held back to go with the next one is to go now. Comes
    /// after any number of records, on the same thread.
    fn flush(&self);

    /// Something failed, and the member goes on trying.
    fn trouble(&self, error: TransportError);
}

/// What a record led to, and may take long: a member whose thread is held up by it lets another one
/// read on.
pub trait Work: Send {
    /// Does it. `alone`: no other record came with the one that led to it, and none is at hand, so
    /// that nothing needs to wait for `flush`.
    fn run(self: Box<Self>, alone: bool);
}

/// A partition that was assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The partition's number.
    pub partition: u32,
    /// The partition's end offset, read at assignment; `None` if it couldn't be read. A record at
    /// or above it was certainly never handed to an earlier owner.
    pub end: Option<i64>,
    /// What was committed last, which records come from; `None` if nothing was.
    pub committed: Option<Committed>,
}

/// What was committed of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub next: i64,
    /// What was written beside it, by whatever program; what isn't UTF-8 is replaced.
    pub note: Option<String>,
}

/// How far a partition is done, to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The partition's number.
    pub partition: u32,
    /// The next offset to read.
    pub next: i64,
    /// What is to be written beside it. Where the broker refuses that, the offset alone is committed.
    pub note: Option<String>,
}

/// A member of a consumer group. Dropping it leaves the group in the background.
pub trait Membership: Send + Sync {
    /// Says that there is something to be committed, without blocking: the sink is asked for it within
    /// 200 ms. Comes while the sink's own locks are held.
    fn progressed(&self);

    /// Stops records from coming, on all partitions, until `resume`. Records that are already on
    /// their way may still come.
    fn pause(&self);

    /// Lets records come again.
    fn resume(&self);

    /// How the member is, without asking anybody.
    fn standing(&self) -> Standing;

    /// Commits what has progressed until the broker has acknowledged it, gives everything up (through
    /// the sink), and only then leaves the group. Records come until that. Done after `timeout` at the
    /// latest.
    ///
    /// # Errors
    /// The group couldn't be told in time.
    fn leave(&self, timeout: Duration) -> BoxFuture<Result<(), TransportError>>;
}
