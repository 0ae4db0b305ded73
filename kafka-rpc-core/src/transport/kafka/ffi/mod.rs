//! The only unsafe code: what librdkafka offers and its safe wrapper doesn't.
//!
//! [`Consumer`] and [`Producer`] each own a client and everything of librdkafka's that may not outlive
//! it: queues, callbacks, topic handles and messages. None of these leaves its owner, and the owner's
//! `Drop` alone says in which order they go, so that no code outside this folder can make it unsound.
//!
//! # Threads and locks
//!
//! An owner may be used by any thread; the destruction of its client blocks, so that others decide on
//! which one it happens. librdkafka's threads call [`Alerted::alert`] under the lock of the queue that
//! something came into. From there no function of librdkafka may be called, and of our own locks only
//! those are taken under which nobody calls librdkafka: [`PollWakeup`](poll_wakeup::PollWakeup)'s, and
//! those of whoever is alerted.
#![allow(unsafe_code)]

mod commits;
mod consumer;
mod delivery_event;
mod describe;
mod message;
mod metadata;
mod poll_wakeup;
mod positions;
mod producer;
mod queue;
mod scheduling;
mod suspended;
#[cfg(test)]
mod tests;
mod version;

use std::ffi::CStr;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::message::BorrowedMessage;
use rdkafka_sys::bindings::{
    rd_kafka_consumer_group_metadata, rd_kafka_consumer_group_metadata_destroy,
    rd_kafka_consumer_group_metadata_generation_id, rd_kafka_handle_mock_cluster,
    rd_kafka_mem_free, rd_kafka_memberid, rd_kafka_message_status,
    rd_kafka_mock_group_initial_rebalance_delay_ms, rd_kafka_msg_status_t,
};

pub(super) use commits::{Commits, Committer, Ended};
#[cfg(test)]
pub(super) use consumer::Arrivals;
pub(super) use consumer::{Consumer, Polled};
pub(super) use delivery_event::{Failure, Report};
pub(super) use describe::operations;
pub(super) use positions::{Answer, Found, Positions};
pub(super) use producer::Producer;
pub(super) use queue::Alerted;
pub(super) use scheduling::with_batch_scheduling;
pub(super) use suspended::suspended;
pub(super) use version::warn_if_untested;

/// Whether a record whose delivery ended with an error is certainly not in the log.
pub(super) fn certainly_not_persisted(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the pointer is that of a live message, which the borrow keeps alive, and the function
    // only reads a field of it.
    let status = unsafe { rd_kafka_message_status(message.ptr()) };
    status == rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

/// Whether a consumer is a member of its group: from its joining until it has told the group that
/// it leaves. Under KIP-848 its name in the group is its own, and only its epoch tells: that is zero once
/// the group has been told.
pub(super) fn is_member<C: ClientContext>(consumer: &Client<C>) -> bool {
    // SAFETY: the client is alive. The id, if there is one, is ours: a string that ends with a zero
    // byte, read before it is freed by the function that is meant for it.
    unsafe {
        let id = rd_kafka_memberid(consumer.native_ptr());
        if id.is_null() {
            return false;
        }
        let is_named = !CStr::from_ptr(id).is_empty();
        rd_kafka_mem_free(consumer.native_ptr(), id.cast());
        is_named && epoch(consumer) != Some(0)
    }
}

/// The generation of its group that a consumer is in, or its epoch under KIP-848; `None` before the
/// group has accepted it. After it has unsubscribed this may be that of before.
///
/// It asks the client's main thread, which takes about 10 µs.
pub(super) fn generation<C: ClientContext>(consumer: &Client<C>) -> Option<i32> {
    epoch(consumer).filter(|epoch| *epoch > 0)
}

/// The same as librdkafka has it: below zero before the group has accepted the consumer, and under
/// KIP-848 zero where it has left.
fn epoch<C: ClientContext>(consumer: &Client<C>) -> Option<i32> {
    // SAFETY: the client is alive. The metadata, if there is any, is ours, and is given back once.
    unsafe {
        let metadata = rd_kafka_consumer_group_metadata(consumer.native_ptr());
        if metadata.is_null() {
            return None;
        }
        let epoch = rd_kafka_consumer_group_metadata_generation_id(metadata);
        rd_kafka_consumer_group_metadata_destroy(metadata);
        Some(epoch)
    }
}

/// Makes the mock cluster of `client`, if it has one, form groups at once instead of after three
/// seconds.
pub(super) fn form_groups_at_once<C: ClientContext>(client: &Client<C>) {
    // SAFETY: the client is alive; the mock cluster that it hands out is its own and lives as long
    // as it does; the setter takes the cluster's lock.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(client.native_ptr());
        if !cluster.is_null() {
            rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
    }
}
