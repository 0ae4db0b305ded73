//! The order in which a thread may take the locks of this crate.
//!
//! A thread that holds a lock takes only later ones, and never two of one rank. So no two threads
//! can wait for each other. Debug builds assert it at every [`lock`](crate::util::sync::lock), with
//! or without a second thread in the way, and every run of the tests checks it.
//!
//! Most locks are held for a few lines and alone. What the order decides is this:
//!
//! - **Kafka, reading.** The thread that polls holds the consumer ([`GROUP_POLLER`], [`REPLY_READER`])
//!   while it calls the sink, which is the server's member or the client's registry. So these two
//!   come before nearly everything. Handlers run on that thread, too, but after it let the consumer
//!   go.
//! - **Server.** A member is told to pause while [`MEMBER_PAUSED`] is held, and by what it says is
//!   looked up in [`MEMBER_STATE`] under it. [`OUTBOX`] is never locked with a lock of a member held, and no
//!   lock is taken under it.
//! - **Client.** One [`REGISTRY_SHARD`] at a time, and nothing under it: wakers are called and
//!   dropped after it is let go. Closing a client drops its listeners under [`CLIENT_REPLY_PARTITIONS`].
//! - **Kafka, producing.** Records of a partition are handed to librdkafka under
//!   [`PARTITION_IN_FLIGHT`], so that none overtakes another; [`HELD_PARTITIONS`] is noted under it.
//! - **Librdkafka's own locks.** It is entered under [`GROUP_POLLER`], [`REPLY_READER`] and
//!   [`PARTITION_IN_FLIGHT`]. Its callbacks, which it calls under locks of its own, wake threads and
//!   tasks: they take [`REPLY_TASK`], [`REPLY_WATCHER`], [`POLL_WAKEUP`], [`PRODUCER_WAKEUP`]
//!   and [`CLIENT_FAILURE`]. So it isn't entered under any of these.
//! - **Read-write locks** have no rank. They guard a table or a slot for a look-up, and no mutex of
//!   this crate is locked under one. Librdkafka is given a record while its topic is looked up, and a
//!   client's layers are put on while the outermost one is replaced.
//! - **In memory.** [`MEMORY_BROKER`] is the whole broker; what tells its clients of something, a
//!   queue or an alarm, is locked under it. Sinks are called from tasks, with no lock held.

/// How many ranks a thread's set of them has room for.
const MOST: usize = u64::BITS as usize;

macro_rules! ranks {
    ($($(#[$doc:meta])* $rank:ident)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)] // They are constants below.
        #[repr(u8)]
        enum Rank { $($rank),* }

        $($(#[$doc])* pub(crate) const $rank: u8 = Rank::$rank as u8;)*

        const NAMES: &[&str] = &[$(stringify!($rank)),*];
    };
}

ranks! {
    /// The group member's consumer. Its thread polls and calls the server's sink under it.
    GROUP_POLLER
    /// The reply partitions of a client. Listeners are dropped under it.
    CLIENT_REPLY_PARTITIONS
    /// The reader of a results partition. Whoever reads calls the client's sink under it.
    REPLY_READER
    /// The replies that aren't acknowledged yet. Locked with no lock of a member held.
    OUTBOX
    /// Whether a member is paused. The transport is told under it.
    MEMBER_PAUSED
    /// What a group member knows. Offsets are noted with the transport under it.
    MEMBER_STATE
    /// What a server's health is judged by. Nothing is taken under it.
    SERVER_HEALTH
    /// Whom to wake when a handler is stopped. Nothing is taken under it.
    INTERRUPT_TASK
    /// What is kept with a client's connection. A layer may be put on the client's others under it.
    CLIENT_KEPT
    /// The commands topics of a client. Nothing is taken under it.
    CLIENT_TOPICS
    /// The faults that a test has asked for. Nothing is taken under it.
    TEST_FAULTS
    /// What a client knows of its servers' clocks. Nothing is taken under it.
    CLIENT_CLOCKS
    /// One shard of a client's pending calls. Nothing is taken under it.
    REGISTRY_SHARD
    /// The broker in memory. Its clients' queues and alarms are told under it.
    MEMORY_BROKER
    /// The reports of a producer in memory. Nothing is taken under it.
    MEMORY_REPORTS
    /// When an alarm in memory rings next. Nothing is taken under it.
    MEMORY_ALARM
    /// The partitions that a group gave a member. Nothing is taken under it.
    GROUP_PARTITIONS
    /// The last commits of partitions that a member gave up. Nothing is taken under it.
    GROUP_LAST_COMMITS
    /// Since when a member's commit is under way. Nothing is taken under it.
    GROUP_COMMIT_SINCE
    /// The threads that ask what is committed. A failure is noted among their answers under it.
    COMMITTED_QUESTIONS
    /// What those threads have found. Nothing is taken under it.
    COMMITTED_ANSWERS
    /// By when a member is to have left. Nothing is taken under it.
    GROUP_LEAVE_BY
    /// Whether a group has accepted a member. Nothing is taken under it.
    GROUP_ACCEPTANCE
    /// What is known of how a member is. Nothing is taken under it.
    GROUP_STANDING
    /// Which thread of a member polls. Nothing is taken under it.
    POLL_LEASE
    /// What keeps a listener from reading. Nothing is taken under it.
    LISTENER_TROUBLE
    /// The task that reads replies. Its waker is only cloned under it.
    REPLY_TASK
    /// The thread that watches that task. Nothing is taken under it.
    REPLY_WATCHER
    /// What is in flight to one partition, and what is held back. Librdkafka is entered under it.
    PARTITION_IN_FLIGHT
    /// Which partitions hold something back. Nothing is taken under it.
    HELD_PARTITIONS
    /// Delivery reports that were heard and not told. Nothing is taken under it.
    HEARD_REPORTS
    /// Why a producer's client ended. Nothing is taken under it.
    PRODUCER_ENDED
    /// The sleep of a producer's thread. Nothing is taken under it.
    PRODUCER_WAKEUP
    /// The wait of a consumer's thread. Nothing is taken under it.
    POLL_WAKEUP
    /// When an alarm's thread ticks next. Nothing is taken under it.
    ALARM_PLAN
    /// A client's last failure. Nothing is taken under it, and it may be noted in any callback.
    CLIENT_FAILURE
    /// The causes that log lines were about. Nothing is taken under it.
    THROTTLE
    /// Whether a latch is open. Nothing is taken under it.
    LATCH
    /// Whether a blocked thread was woken. Wakers may be called anywhere, so nothing comes later.
    PARKED_THREAD
}

const _: () = assert!(NAMES.len() <= MOST, "there are more ranks than bits");

#[cfg(all(debug_assertions, not(kafka_rpc_loom)))]
thread_local! {
    /// The ranks of the locks that this thread holds, a bit each. In which order they are let go
    /// doesn't matter.
    static HELD: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// That this thread holds a lock of such a rank, or is about to. Nothing but that in debug builds,
/// and nothing at all in others.
///
/// Models switch between their threads on a single thread of the system, and don't check ranks.
#[derive(Debug)]
pub(crate) struct Held<const RANK: u8>(());

#[cfg(all(debug_assertions, not(kafka_rpc_loom)))]
impl<const RANK: u8> Held<RANK> {
    const BIT: u64 = 1 << RANK;

    /// Notes that this thread takes a lock.
    ///
    /// # Panics
    /// If it holds one of the same rank or of a later one, unless it panics already.
    #[track_caller]
    pub(crate) fn acquire() -> Self {
        let held = HELD.get();
        assert!(
            held < Self::BIT || std::thread::panicking(),
            "{} is locked while {} is held: see the lock order",
            name(RANK),
            name(63 - held.leading_zeros() as u8),
        );
        HELD.set(held | Self::BIT);
        Self(())
    }

    /// Asserts that none of those which the thread holds is later: this one is about to be locked
    /// anew.
    ///
    /// # Panics
    /// If one is, unless it panics already.
    #[track_caller]
    pub(crate) fn assert_is_last(&self) {
        let later = HELD.get() & !(Self::BIT | (Self::BIT - 1));
        assert!(
            later == 0 || std::thread::panicking(),
            "a thread waits with {} while it holds {}, which is later: see the lock order",
            name(RANK),
            name(later.trailing_zeros() as u8),
        );
    }
}

#[cfg(all(debug_assertions, not(kafka_rpc_loom)))]
impl<const RANK: u8> Drop for Held<RANK> {
    fn drop(&mut self) {
        HELD.set(HELD.get() & !Self::BIT);
    }
}

#[cfg(not(all(debug_assertions, not(kafka_rpc_loom))))]
impl<const RANK: u8> Held<RANK> {
    #[inline]
    pub(crate) const fn acquire() -> Self {
        Self(())
    }

    #[inline]
    #[allow(clippy::unused_self)] // As in debug builds.
    pub(crate) const fn assert_is_last(&self) {}
}

/// A rank as the panics name it.
#[cfg(all(debug_assertions, not(kafka_rpc_loom)))]
fn name(rank: u8) -> &'static str {
    NAMES.get(usize::from(rank)).copied().unwrap_or("a lock")
}
