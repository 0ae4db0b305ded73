//! How a member leaves its group: first it gives back what it has, then it goes.
//!
//! In this order: nothing is lost that was done. A member that unsubscribes sends no heartbeats any
//! more, so that its group gives it up for dead while it still works. A consumer that is closed while
//! its group rebalances has its commits refused, and one that is closed before it has told the group
//! keeps its partitions from the others until its session is over.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::transport::kafka::consumer::commit;
use crate::transport::kafka::consumer::member::Shared;
use crate::transport::kafka::consumer::rebalance::{Context, number, release};
use crate::transport::kafka::ffi;
use crate::util::sync::lock;

/// How long one poll waits while leaving.
const ROUND: Duration = Duration::from_millis(2);

/// How long it takes at least to tell the group, also if nobody waits for that any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// Gives everything up and leaves, while the group's coordinator can still be told. The consumer is to
/// be closed after this.
///
/// Records that still come aren't handed on: they are the next owner's.
pub(in crate::transport::kafka) fn leave(
    consumer: &BaseConsumer<Context>,
    shared: &Shared,
    by: Option<Instant>,
) {
    let in_time = || by.is_none_or(|by| Instant::now() < by);
    // Serves rebalances, too, which commits may depend on.
    let poll = || drop(consumer.poll(ROUND));
    let alive = || consumer.client().fatal_error().is_none();

    let going = lock(&shared.offsets).all();
    let numbers: Vec<u32> = going.iter().copied().map(number).collect();
    if !going.is_empty() {
        let (release, released) = release();
        shared.sink.revoked(&numbers, release);
        while !released.is_open() && in_time() && alive() {
            poll();
        }
    }
    let until = by.unwrap_or_else(|| Instant::now() + FAREWELL);
    let committed = commit::acknowledged(consumer, shared, &going, until, || {
        poll();
        alive()
    });
    if !committed {
        tracing::warn!(
            target: "kafka_rpc::librdkafka",
            group = shared.options.group,
            topic = shared.options.topic,
            partitions = ?numbers,
            "the group is left without the last commits; another server may run these calls again"
        );
    }
    lock(&shared.offsets).disown(&going);

    // A static member keeps its partitions for its return: closing the consumer gives them up without
    // a word to the group.
    if shared.options.instance.is_some() {
        return;
    }
    consumer.unsubscribe();
    // Unsubscribing waits for a rebalance to end, revokes what librdkafka still has, which is heard of
    // by polling, and then tells the group.
    let started = Instant::now();
    while ffi::is_member(consumer.client()) && (in_time() || started.elapsed() < FAREWELL) {
        poll();
    }
}
