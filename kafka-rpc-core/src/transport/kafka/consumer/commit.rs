//! Commits what is noted, and again what failed, as long as its partition is owned. All of it is done
//! by the thread that polls.

use std::sync::Weak;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::transport::kafka::consumer::group::Shared;
use crate::transport::kafka::consumer::rebalance::Context;
use crate::util::sync::lock;

/// Commits what is noted, without waiting, and learns how the commits before ended. Only one is under
/// way at a time: what is noted meanwhile goes with the next.
pub(in crate::transport::kafka) fn begin(consumer: &BaseConsumer<Context>, shared: &Shared) {
    collect(shared, Duration::ZERO);
    let under_way = shared.commits.get().and_then(Weak::upgrade);
    if under_way.is_some_and(|commits| !commits.is_under_way()) {
        hand_over(consumer, shared);
    }
}

/// Commits what is noted until the broker has acknowledged it for these partitions, and says whether
/// it has by then. `again` is called before what failed is tried again, and may end it.
///
/// No wait is longer than `until` says, also where no coordinator can be reached.
pub(in crate::transport::kafka) fn acknowledged(
    consumer: &BaseConsumer<Context>,
    shared: &Shared,
    partitions: &[i32],
    until: Instant,
    mut again: impl FnMut() -> bool,
) -> bool {
    hand_over(consumer, shared);
    // The consumer is being closed, and what is noted now came too late.
    if shared.commits.get().and_then(Weak::upgrade).is_none() {
        return !lock(&shared.offsets).wants(partitions);
    }
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let under_way = collect(shared, left);
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

fn hand_over(consumer: &BaseConsumer<Context>, shared: &Shared) {
    let Some(commits) = shared.commits.get().and_then(Weak::upgrade) else {
        return;
    };
    let begun = lock(&shared.offsets).begin();
    if begun.is_empty() {
        return;
    }
    let list = shared.list_at(&begun);
    if let Err(error) = commits.begin(consumer.client(), &list) {
        failed(shared, begun.iter().map(|one| one.0));
        shared.trouble(&error);
    }
}

/// Learns how commits ended, and waits so long for the first; says whether one is still under way.
fn collect(shared: &Shared, wait: Duration) -> bool {
    let Some(commits) = shared.commits.get().and_then(Weak::upgrade) else {
        return false;
    };
    let mut wait = wait;
    while commits.is_under_way()
        && let Some(result) = commits.result(wait)
    {
        wait = Duration::ZERO;
        match result {
            Ok(()) => shared.events.forget(),
            Err(refused) => {
                failed(shared, refused.partitions.into_iter());
                if is_of_a_rebalance(&refused.error) {
                    let error = refused.error;
                    tracing::debug!(
                        target: "kafka_rpc::librdkafka", %error,
                        "a commit was refused in a rebalance, and is made again"
                    );
                } else {
                    shared.trouble(&refused.error);
                }
            }
        }
    }
    commits.is_under_way()
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
