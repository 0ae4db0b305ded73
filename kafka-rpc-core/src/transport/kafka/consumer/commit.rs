//! Commits what has progressed, and again what failed, as long as its partition is owned. All of it is
//! done by the thread that polls, and none of it waits.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::member::{Shared, number};
use super::pulse;
use crate::transport::Progress;
use crate::transport::kafka::ffi::{Commits, Ended};
use crate::util::sync::lock;

/// Asks the sink what is to be committed.
pub(super) fn note(shared: &Shared) {
    if !shared.progressed.swap(false, Ordering::AcqRel) {
        return;
    }
    let progress = shared.sink.progress();
    let mut partitions = lock(&shared.partitions);
    for one in progress {
        partitions.note(one);
    }
}

/// Commits what is noted, and learns how the commits before ended. Only one is under way at a time: what
/// is noted meanwhile goes with the next. Says whether nothing is left to be committed.
pub(super) fn begin<C: ConsumerContext>(consumer: &BaseConsumer<C>, shared: &Shared) -> bool {
    let is_under_way = collect(consumer, shared, Duration::ZERO);
    if is_under_way || !lock(&shared.partitions).wants() {
        return !is_under_way;
    }
    let begun = lock(&shared.partitions).begin();
    *lock(&shared.commit_since) = Some(Instant::now());
    let partitions: Vec<i32> = begun.iter().map(|one| number_of(one.partition)).collect();
    if let Err(error) = hand_over(consumer, shared, begun) {
        failed(shared, &partitions, false);
        shared.trouble(&error);
    }
    false
}

/// Commits this for partitions that are given up: for the last time, whatever becomes of it.
pub(super) fn last<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    progress: Vec<Progress>,
) {
    let partitions: Vec<i32> = progress
        .iter()
        .map(|one| number_of(one.partition))
        .collect();
    if partitions.is_empty() {
        return;
    }
    match hand_over(consumer, shared, progress) {
        Ok(_) if shared.without_notes.load(Ordering::Acquire) => {
            not_handed_over(shared, &partitions);
        }
        Ok(number) => {
            lock(&shared.last_commits).insert(number, partitions);
        }
        Err(error) => {
            not_handed_over(shared, &partitions);
            shared.trouble(&error);
        }
    }
}

/// Learns how commits ended, and waits so long for the first; says whether one is still under way.
pub(super) fn collect<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    mut wait: Duration,
) -> bool {
    let under_way = with(consumer, shared, |commits| {
        while commits.is_under_way()
            && let Some(ended) = commits.result(wait)
        {
            wait = Duration::ZERO;
            end(shared, ended);
        }
        commits.is_under_way()
    });
    under_way.unwrap_or_default()
}

fn end(shared: &Shared, ended: Ended) {
    let last = lock(&shared.last_commits).remove(&ended.number);
    lock(&shared.commit_since).take();
    shared.known.committed(&ended.committed);
    let Some((error, refused)) = ended.refused else {
        pulse::answered(shared);
        return shared.events.forget();
    };
    if is_of_the_broker(&error) {
        pulse::answered(shared);
    }
    let is_note_refused = is_note_refused(&error);
    if is_note_refused {
        shared.without_notes.store(true, Ordering::Release);
    }
    match last {
        Some(_) => not_handed_over(shared, &refused),
        None => failed(shared, &refused, is_note_refused),
    }
    if is_of_a_rebalance(&error) {
        tracing::debug!(
            target: "kafka_rpc::librdkafka", %error,
            "a commit was refused in a rebalance"
        );
    } else {
        shared.trouble(&error);
    }
}

/// Gives a commit to librdkafka.
fn hand_over<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    progress: Vec<Progress>,
) -> Result<usize, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(progress.len());
    let is_plain = shared.without_notes.load(Ordering::Acquire);
    for one in progress {
        let mut element = list.add_partition(&shared.options.topic, number_of(one.partition));
        element.set_offset(Offset::Offset(one.next))?;
        shared.known.asked(element.partition(), one.next);
        if let Some(note) = one.note.filter(|_| !is_plain) {
            element.set_metadata(note);
        }
    }
    let torn_down = || KafkaError::ConsumerCommit(RDKafkaErrorCode::State);
    with(consumer, shared, |commits| commits.begin(&list)).ok_or_else(torn_down)?
}

/// Does something with the consumer's commits; `None` where it is being torn down.
fn with<C: ConsumerContext, T>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    act: impl FnOnce(&Commits) -> T,
) -> Option<T> {
    shared.committer.get()?.with(consumer, act)
}

/// Whether it is the broker that refused a commit; librdkafka's own codes are negative.
fn is_of_the_broker(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| code as i32 > 0)
}

/// Whether a commit was refused as commits are now and then while the group's members change.
fn is_of_a_rebalance(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::RebalanceInProgress | Code::IllegalGeneration | Code::UnknownMemberId)
    )
}

/// Whether a commit was refused for what was to be written beside it.
fn is_note_refused(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::OffsetMetadataTooLarge)
}

fn failed(shared: &Shared, refused: &[i32], without_note: bool) {
    let mut partitions = lock(&shared.partitions);
    for partition in refused {
        partitions.failed(*partition, without_note);
    }
}

/// The last commits of which it isn't known how they end failed.
pub(super) fn abandon(shared: &Shared) {
    lock(&shared.commit_since).take();
    let abandoned = std::mem::take(&mut *lock(&shared.last_commits));
    for partitions in abandoned.into_values() {
        not_handed_over(shared, &partitions);
    }
}

fn not_handed_over(shared: &Shared, partitions: &[i32]) {
    let numbers: Vec<u32> = partitions.iter().copied().map(number).collect();
    shared.sink.not_handed_over(&numbers);
}

fn number_of(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
