//! Asks where partitions are to be read from, without waiting for the answer: what their group has
//! committed, and where they end.
//!
//! The wrapper's functions for this wait, and a group's own request waits behind its joining. These
//! requests go by connections to brokers that aren't the group's, and their answers come into a queue.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_void};
use std::time::Duration;
use std::{ptr, slice};

use rdkafka::TopicPartitionList;
use rdkafka::client::Client;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys::bindings::{
    RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT, RD_KAFKA_EVENT_LISTOFFSETS_RESULT,
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_set_opaque,
    rd_kafka_AdminOptions_set_request_timeout, rd_kafka_ListConsumerGroupOffsets,
    rd_kafka_ListConsumerGroupOffsets_destroy, rd_kafka_ListConsumerGroupOffsets_new,
    rd_kafka_ListConsumerGroupOffsets_result_groups, rd_kafka_ListOffsets,
    rd_kafka_ListOffsets_result_infos, rd_kafka_ListOffsetsResultInfo_topic_partition,
    rd_kafka_admin_op_t, rd_kafka_error_code, rd_kafka_event_error, rd_kafka_event_opaque,
    rd_kafka_event_type, rd_kafka_group_result_error, rd_kafka_group_result_partitions,
    rd_kafka_resp_err_t, rd_kafka_topic_partition_t,
};

use crate::transport::Committed;
use crate::transport::kafka::ffi::delivery_event::Event;
use crate::transport::kafka::ffi::queue::{Queue, Target};

/// How long a request may take; then it is made anew.
const REQUEST_TIMEOUT_MS: i32 = 5_000;

/// A consumer's questions that are under way.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Positions {
    queue: Queue,
}

/// An answer to the question with this number.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Answer {
    pub(in crate::transport::kafka) number: usize,
    pub(in crate::transport::kafka) found: Found,
}

/// What was found, by partition.
#[derive(Debug)]
pub(in crate::transport::kafka) enum Found {
    /// What the group has committed; `None` where that is nothing.
    Committed(BTreeMap<i32, Option<Committed>>),
    /// The end offsets, as far as they could be read.
    Ends(BTreeMap<i32, i64>),
    Failed(KafkaError),
}

impl Positions {
    /// Those of a client.
    ///
    /// # Safety
    /// It is dropped before the client.
    pub(super) unsafe fn new<C: ConsumerContext>(client: &Client<C>) -> Option<Self> {
        // SAFETY: as the caller promises.
        let queue = unsafe { Queue::new(client)? };
        Some(Self { queue })
    }

    /// Alerts `target` whenever an answer comes.
    ///
    /// # Safety
    /// As for [`Queue::set_callback`].
    pub(super) unsafe fn set_callback(&self, target: &std::sync::Arc<Target>) {
        // SAFETY: as the caller promises.
        unsafe { self.queue.set_callback(target) };
    }

    /// Alerts nobody any more.
    pub(super) fn clear_callback(&self) {
        self.queue.clear_callback();
    }

    /// Asks what a group has committed for these partitions.
    pub(in crate::transport::kafka) fn ask_committed(
        &self,
        group: &str,
        partitions: &TopicPartitionList,
        number: usize,
    ) {
        // A name with a zero byte is refused when the client is made.
        let Ok(group) = CString::new(group) else {
            return;
        };
        let operation = rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
        self.with_options(operation, number, |options| {
            // SAFETY: queue and client are alive. The request is copied, and so are the name and the
            // list in it; what is made here is given back here.
            unsafe {
                let mut request =
                    rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), partitions.ptr());
                let (client, queue) = (self.queue.client(), self.queue.ptr());
                rd_kafka_ListConsumerGroupOffsets(client, &raw mut request, 1, options, queue);
                rd_kafka_ListConsumerGroupOffsets_destroy(request);
            }
        });
    }

    /// Asks where partitions end; each has the logical end as its offset. This also has their leaders
    /// looked at, which librdkafka's threads may have put off.
    pub(in crate::transport::kafka) fn ask_ends(
        &self,
        partitions: &TopicPartitionList,
        number: usize,
    ) {
        let operation = rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        self.with_options(operation, number, |options| {
            // SAFETY: queue and client are alive, and the list is copied.
            unsafe {
                let (client, queue) = (self.queue.client(), self.queue.ptr());
                rd_kafka_ListOffsets(client, partitions.ptr(), options, queue);
            }
        });
    }

    fn with_options(
        &self,
        operation: rd_kafka_admin_op_t,
        number: usize,
        ask: impl FnOnce(*mut rdkafka_sys::bindings::rd_kafka_AdminOptions_t),
    ) {
        let mut problem: [c_char; 128] = [0; 128];
        // SAFETY: the client is alive, and the options are given back after the request has copied
        // them. The number is no pointer to librdkafka, which hands it back as it is.
        unsafe {
            let options = rd_kafka_AdminOptions_new(self.queue.client(), operation);
            // It fails for a timeout out of range only.
            rd_kafka_AdminOptions_set_request_timeout(
                options,
                REQUEST_TIMEOUT_MS,
                problem.as_mut_ptr(),
                problem.len(),
            );
            rd_kafka_AdminOptions_set_opaque(
                options,
                ptr::without_provenance_mut::<c_void>(number),
            );
            ask(options);
            rd_kafka_AdminOptions_destroy(options);
        }
    }

    /// The next answer, if there is one.
    pub(in crate::transport::kafka) fn answer(&self) -> Option<Answer> {
        let event = Event::next(&self.queue, Duration::ZERO)?;
        // SAFETY: the event is alive until the end of this function, and so is what is got from it.
        // Each function is called for an event of the type that it is for.
        unsafe {
            let number = rd_kafka_event_opaque(event.ptr()).addr();
            let error = rd_kafka_event_error(event.ptr());
            let found = match rd_kafka_event_type(event.ptr()) {
                _ if error != NO_ERROR => failed(error),
                RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT => committed(&event),
                RD_KAFKA_EVENT_LISTOFFSETS_RESULT => Found::Ends(ends(&event)),
                _ => failed(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__FAIL),
            };
            Some(Answer { number, found })
        }
    }
}

const NO_ERROR: rd_kafka_resp_err_t = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

fn failed(code: rd_kafka_resp_err_t) -> Found {
    Found::Failed(KafkaError::OffsetFetch(RDKafkaErrorCode::from(code)))
}

/// # Safety
/// The event is the answer to a question for committed offsets.
unsafe fn committed(event: &Event<'_>) -> Found {
    let mut count = 0;
    let mut found = BTreeMap::new();
    // SAFETY: as the caller promises. All that is read is the event's; a list without elements has a
    // null pointer. Metadata has as many bytes as is said.
    unsafe {
        let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(event.ptr(), &raw mut count);
        for group in items(groups, count) {
            let error = rd_kafka_group_result_error(*group);
            if !error.is_null() {
                return failed(rd_kafka_error_code(error));
            }
            let list = rd_kafka_group_result_partitions(*group);
            let Some(list) = list.as_ref().filter(|list| !list.elems.is_null()) else {
                continue;
            };
            let elements =
                slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0));
            for element in elements {
                if element.err != NO_ERROR {
                    return failed(element.err);
                }
                let committed = (element.offset >= 0).then(|| Committed {
                    next: element.offset,
                    note: metadata(element),
                });
                found.insert(element.partition, committed);
            }
        }
    }
    Found::Committed(found)
}

/// # Safety
/// The element's metadata has as many bytes as it says.
unsafe fn metadata(element: &rd_kafka_topic_partition_t) -> Option<String> {
    if element.metadata.is_null() || element.metadata_size == 0 {
        return None;
    }
    // SAFETY: as the caller promises.
    let bytes =
        unsafe { slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size) };
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// # Safety
/// The event is the answer to a question for end offsets.
unsafe fn ends(event: &Event<'_>) -> BTreeMap<i32, i64> {
    let mut count = 0;
    // SAFETY: as the caller promises. All that is read is the event's.
    unsafe {
        let infos = rd_kafka_ListOffsets_result_infos(event.ptr(), &raw mut count);
        items(infos, count)
            .iter()
            .filter_map(|info| rd_kafka_ListOffsetsResultInfo_topic_partition(*info).as_ref())
            .filter(|one| one.err == NO_ERROR && one.offset >= 0)
            .map(|one| (one.partition, one.offset))
            .collect()
    }
}

/// # Safety
/// There are so many items, which live as long as whatever the caller takes them from.
unsafe fn items<'a, T>(first: *mut *const T, count: usize) -> &'a [*const T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { slice::from_raw_parts(first, count) }
}
