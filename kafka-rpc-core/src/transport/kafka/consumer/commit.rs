//! Commits what is noted, and again what failed, as long as its partition is owned. All of it is done
//! by the thread that polls.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::member::Shared;
use crate::transport::kafka::ffi::{Commits, Refused};
use crate::util::sync::lock;

/// Commits what is noted, without waiting, and learns how the commits before ended. Only one is under
/// way at a time: what is noted meanwhile goes with the next.
pub(super) fn begin<C: ConsumerContext>(consumer: &BaseConsumer<C>, shared: &Shared) {
    collect(consumer, shared, Duration::ZERO);
    if with(consumer, shared, Commits::is_under_way) == Some(false) {
        hand_over(consumer, shared);
    }
}

/// Commits what is noted until the broker has acknowledged it for these partitions, and says whether
/// it has by then. `again` is called before what failed is tried again, and may end it.
///
/// No wait is longer than `until` says, also where no coordinator can be reached.
pub(super) fn acknowledged<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    partitions: &[i32],
    until: Instant,
    mut again: impl FnMut() -> bool,
) -> bool {
    hand_over(consumer, shared);
    // The consumer is being closed, and what is noted now came too late.
    if with(consumer, shared, |_| ()).is_none() {
        return !lock(&shared.offsets).wants(partitions);
    }
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let under_way = collect(consumer, shared, left);
        let wanted = lock(&shared.offsets).wants(partitions);
        if !under_way && !wanted {
            return true;
        }
        if Instant::now() >= until || (wanted && !again()) {
            return false;
        }
        if wanted {
            hand_over(consumer, shared);
        }
    }
}

fn hand_over<C: ConsumerContext>(consumer: &BaseConsumer<C>, shared: &Shared) {
    with(consumer, shared, |commits| {
        let begun = lock(&shared.offsets).begin();
        if begun.is_empty() {
            return;
        }
        let list = shared.list_at(&begun);
        if let Err(error) = commits.begin(&list) {
            failed(shared, begun.iter().map(|one| one.0));
            shared.trouble(&error);
        }
    });
}

/// Learns how commits ended, and waits so long for the first; says whether one is still under way.
fn collect<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    mut wait: Duration,
) -> bool {
    let under_way = with(consumer, shared, |commits| {
        while commits.is_under_way()
            && let Some(result) = commits.result(wait)
        {
            wait = Duration::ZERO;
            match result {
                Ok(()) => shared.events.forget(),
                Err(refused) => refuse(shared, refused),
            }
        }
        commits.is_under_way()
    });
    under_way.unwrap_or_default()
}

fn refuse(shared: &Shared, refused: Refused) {
    failed(shared, refused.partitions.into_iter());
    let error = refused.error;
    if is_of_a_rebalance(&error) {
        tracing::debug!(
            target: "kafka_rpc::librdkafka", %error,
            "a commit was refused in a rebalance, and is made again"
        );
    } else {
        shared.trouble(&error);
    }
}

/// Does something with the consumer's commits; `None` where it is being torn down.
fn with<C: ConsumerContext, T>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    act: impl FnOnce(&Commits) -> T,
) -> Option<T> {
    shared.committer.get()?.with(consumer, act)
}

/// Whether a commit was refused as commits are now and then while the group's members change.
fn is_of_a_rebalance(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::RebalanceInProgress | Code::IllegalGeneration | Code::UnknownMemberId)
    )
}

fn failed(shared: &Shared, partitions: impl Iterator<Item = i32>) {
    let mut offsets = lock(&shared.offsets);
    for partition in partitions {
        offsets.failed(partition);
    }
}
