//! Commits whose end is told.
//!
//! The wrapper's asynchronous commit tells nobody how it ended, and its synchronous one waits for a
//! coordinator that can't be reached without a bound. So results come into a queue of their own.

use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{ptr, slice};

use rdkafka::TopicPartitionList;
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka_sys::bindings::{
    rd_kafka_commit_queue, rd_kafka_event_error, rd_kafka_event_opaque,
    rd_kafka_event_topic_partition_list, rd_kafka_resp_err_t,
};

use crate::transport::kafka::ffi::delivery_event::Event;
use crate::transport::kafka::ffi::queue::Queue;

/// A consumer's commits that are under way.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Commits {
    queue: Queue,
    /// Changed by the thread that polls only.
    under_way: AtomicUsize,
    /// How many there were.
    numbers: AtomicUsize,
}

/// How the commit with this number ended.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Ended {
    pub(in crate::transport::kafka) number: usize,
    /// What is committed now, by partition.
    pub(in crate::transport::kafka) committed: Vec<(i32, i64)>,
    /// Why it failed, and for which partitions.
    pub(in crate::transport::kafka) refused: Option<(KafkaError, Vec<i32>)>,
}

impl Commits {
    /// Those of a client.
    ///
    /// # Safety
    /// It is dropped before the client.
    pub(super) unsafe fn new<C: ConsumerContext>(client: &Client<C>) -> Option<Self> {
        Some(Self {
            // SAFETY: as the caller promises.
            queue: unsafe { Queue::new(client)? },
            under_way: AtomicUsize::new(0),
            numbers: AtomicUsize::new(0),
        })
    }

    /// Hands a commit over, without waiting for its end. Returns its number.
    pub(in crate::transport::kafka) fn begin(
        &self,
        offsets: &TopicPartitionList,
    ) -> KafkaResult<usize> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the queue is alive, and so is its client; the list is copied. Without a callback the
        // result comes as an event.
        let error = unsafe {
            rd_kafka_commit_queue(
                self.queue.client(),
                offsets.ptr(),
                self.queue.ptr(),
                None,
                ptr::without_provenance_mut(number),
            )
        };
        if error != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(KafkaError::ConsumerCommit(error.into()));
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Ok(number)
    }

    /// Whether the result of a commit hasn't been told yet.
    pub(in crate::transport::kafka) fn is_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// How a commit ended; `None` if none does within `wait`.
    pub(in crate::transport::kafka) fn result(&self, wait: Duration) -> Option<Ended> {
        let event = Event::next(&self.queue, wait)?;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the event is alive until the end of this function. Only results of commits come into
        // this queue, and they have the number that their commit was given, and a list of partitions,
        // which is the event's.
        let (number, all, partitions) = unsafe {
            let number = rd_kafka_event_opaque(event.ptr()).addr();
            let all = rd_kafka_event_error(event.ptr());
            let partitions = rd_kafka_event_topic_partition_list(event.ptr())
                .as_ref()
                .filter(|list| !list.elems.is_null())
                .map_or(&[][..], |list| {
                    slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0))
                });
            (number, all, partitions)
        };
        let no_error = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        let of_one = partitions.iter().map(|one| one.err);
        let first = std::iter::once(all)
            .chain(of_one)
            .find(|error| *error != no_error);
        let (mut committed, mut failed) = (Vec::new(), Vec::new());
        for one in partitions {
            if all == no_error && one.err == no_error {
                committed.push((one.partition, one.offset));
            } else {
                failed.push(one.partition);
            }
        }
        let error = first.map(|error| KafkaError::ConsumerCommit(RDKafkaErrorCode::from(error)));
        Some(Ended {
            number,
            committed,
            refused: error.map(|error| (error, failed)),
        })
    }
}

/// Leads from a consumer to its commits, for its context and for its thread. Leads nowhere once the
/// consumer is being torn down.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Committer {
    /// The address of the consumer's client.
    pub(super) client: usize,
    pub(super) commits: Weak<Commits>,
}

impl Committer {
    /// Does something with the commits of `consumer`; `None` where it is being torn down, or isn't the
    /// committer's own.
    pub(in crate::transport::kafka) fn with<C: ConsumerContext, T>(
        &self,
        consumer: &BaseConsumer<C>,
        act: impl FnOnce(&Commits) -> T,
    ) -> Option<T> {
        // The queue is kept during this call only, and only while its client is borrowed, so that the
        // client outlives it. A later client at the same address has no queue here, since the owner
        // has dropped this one before its client.
        if consumer.client().native_ptr().addr() != self.client {
            return None;
        }
        self.commits.upgrade().map(|commits| act(&commits))
    }
}
