//! Small questions on a consumer's client whose answers come later: the end offsets of partitions, from
//! their leaders, and a group's committed offsets, from its coordinator.
//!
//! Whoever asks doesn't wait, so that the thread that polls can ask. That an answer comes, and when,
//! tells as much as what it says.

use std::ffi::CString;
use std::slice;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::client::Client;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka_sys::bindings::{
    rd_kafka_ListConsumerGroupOffsets, rd_kafka_ListConsumerGroupOffsets_destroy,
    rd_kafka_ListConsumerGroupOffsets_new, rd_kafka_ListConsumerGroupOffsets_result_groups,
    rd_kafka_ListOffsets, rd_kafka_ListOffsets_result_infos,
    rd_kafka_ListOffsetsResultInfo_topic_partition, rd_kafka_admin_op_t,
    rd_kafka_event_ListConsumerGroupOffsets_result, rd_kafka_event_ListOffsets_result,
    rd_kafka_event_error, rd_kafka_group_result_error, rd_kafka_group_result_partitions,
    rd_kafka_resp_err_t, rd_kafka_topic_partition_t,
};

use crate::transport::kafka::ffi::delivery_event::Event;
use crate::transport::kafka::ffi::describe::{Options, code, list, refused};
use crate::transport::kafka::ffi::queue::Queue;

const NO_ERROR: rd_kafka_resp_err_t = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

/// The questions of a consumer that are under way.
#[derive(Debug)]
pub(super) struct Probes(Queue);

/// Offsets by partition, as far as they are known.
pub(in crate::transport::kafka) type Offsets = Vec<(i32, i64)>;

/// An answer: what is known, and why not all of it is.
#[derive(Debug)]
pub(in crate::transport::kafka) enum Answer {
    /// The end offsets.
    Ends(Offsets, Option<RDKafkaErrorCode>),
    /// The committed offsets.
    Committed(Offsets, Option<RDKafkaErrorCode>),
}

impl Probes {
    /// Those of a client.
    ///
    /// # Safety
    /// It is dropped before the client.
    pub(super) unsafe fn new<C: ConsumerContext>(client: &Client<C>) -> Option<Self> {
        // SAFETY: as the caller promises.
        unsafe { Queue::new(client) }.map(Self)
    }

    /// Asks for the end offsets of these partitions.
    pub(super) fn ask_ends<C: ConsumerContext>(
        &self,
        client: &Client<C>,
        partitions: &TopicPartitionList,
        timeout: Duration,
    ) -> KafkaResult<()> {
        let request = rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let options = Options::new(client, request, timeout)?;
        // SAFETY: the client is borrowed and the queue is ours; the list is copied.
        unsafe {
            rd_kafka_ListOffsets(
                client.native_ptr(),
                partitions.ptr(),
                options.ptr(),
                self.0.ptr(),
            );
        }
        Ok(())
    }

    /// Asks what the group has committed for these partitions.
    pub(super) fn ask_committed<C: ConsumerContext>(
        &self,
        client: &Client<C>,
        group: &str,
        partitions: &TopicPartitionList,
        timeout: Duration,
    ) -> KafkaResult<()> {
        let request = rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
        let options = Options::new(client, request, timeout)?;
        let group = CString::new(group)?;
        // SAFETY: the client is borrowed and the queue is ours. The question copies the group's name
        // and the list, is copied by the request, and is given back once.
        unsafe {
            let mut asked = [rd_kafka_ListConsumerGroupOffsets_new(
                group.as_ptr(),
                partitions.ptr(),
            )];
            if asked[0].is_null() {
                return Err(refused("no such question"));
            }
            rd_kafka_ListConsumerGroupOffsets(
                client.native_ptr(),
                asked.as_mut_ptr(),
                asked.len(),
                options.ptr(),
                self.0.ptr(),
            );
            rd_kafka_ListConsumerGroupOffsets_destroy(asked[0]);
        }
        Ok(())
    }

    /// An answer that has come; `None` if none has.
    pub(super) fn answer(&self) -> Option<Answer> {
        loop {
            let event = Event::next(&self.0, Duration::ZERO)?;
            if let Some(answer) = read(&event) {
                return Some(answer);
            }
        }
    }
}

/// What an event says; `None` if it is no answer.
fn read(event: &Event<'_>) -> Option<Answer> {
    // SAFETY: everything that is read is the event's, which is borrowed. Lists are as long as is said.
    unsafe {
        let failed = Some(rd_kafka_event_error(event.ptr()))
            .filter(|error| *error != NO_ERROR)
            .map(RDKafkaErrorCode::from);
        let mut count = 0;
        let ends = rd_kafka_event_ListOffsets_result(event.ptr());
        if !ends.is_null() {
            if failed.is_some() {
                return Some(Answer::Ends(Offsets::new(), failed));
            }
            let infos = rd_kafka_ListOffsets_result_infos(ends, &raw mut count);
            let infos = list(infos.cast_const(), count).iter();
            let found = infos
                .filter_map(|info| rd_kafka_ListOffsetsResultInfo_topic_partition(*info).as_ref());
            let (known, failed) = offsets(found.map(one));
            return Some(Answer::Ends(known, failed));
        }
        let committed = rd_kafka_event_ListConsumerGroupOffsets_result(event.ptr());
        if committed.is_null() {
            return None;
        }
        if failed.is_some() {
            return Some(Answer::Committed(Offsets::new(), failed));
        }
        let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(committed, &raw mut count);
        let group = *list(groups.cast_const(), count).first()?;
        if let Some(code) = code(rd_kafka_group_result_error(group)) {
            let failed = Some(code);
            return Some(Answer::Committed(Offsets::new(), failed));
        }
        let partitions = rd_kafka_group_result_partitions(group)
            .as_ref()
            .filter(|list| !list.elems.is_null())
            .map_or(&[][..], |list| {
                slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0))
            });
        let (known, failed) = offsets(partitions.iter().map(one));
        Some(Answer::Committed(known, failed))
    }
}

/// A partition, its offset, and why that isn't known.
type One = (i32, i64, rd_kafka_resp_err_t);

fn one(found: &rd_kafka_topic_partition_t) -> One {
    (found.partition, found.offset, found.err)
}

/// The offsets of these partitions as far as they are known, and why one isn't.
fn offsets(found: impl Iterator<Item = One>) -> (Offsets, Option<RDKafkaErrorCode>) {
    let mut failed = None;
    let mut known = Offsets::new();
    for (partition, offset, error) in found {
        if error == NO_ERROR {
            known.push((partition, offset));
        } else {
            failed = Some(error.into());
        }
    }
    (known, failed)
}
