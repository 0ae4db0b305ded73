//! Asks where partitions are to be read from, without waiting for the answer: what their group has
//! committed, where they end, and which topic it is.
//!
//! What is committed is asked for by a thread of its own. Librdkafka 2.12 has a request that would need
//! none, but ends the process where the group's coordinator is found only after the request's time is
//! up. Those of the ends and of the topic go to other brokers, and are safe.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{CString, c_void};
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::client::Client;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys::bindings::{
    RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT, RD_KAFKA_EVENT_LISTOFFSETS_RESULT,
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_set_opaque,
    rd_kafka_AdminOptions_set_request_timeout, rd_kafka_AdminOptions_t, rd_kafka_DescribeTopics,
    rd_kafka_DescribeTopics_result_topics, rd_kafka_ListOffsets, rd_kafka_ListOffsets_result_infos,
    rd_kafka_ListOffsetsResultInfo_topic_partition, rd_kafka_TopicCollection_destroy,
    rd_kafka_TopicCollection_of_topic_names, rd_kafka_TopicDescription_error,
    rd_kafka_TopicDescription_topic_id, rd_kafka_Uuid_least_significant_bits,
    rd_kafka_Uuid_most_significant_bits, rd_kafka_admin_op_t, rd_kafka_committed,
    rd_kafka_event_DescribeTopics_result, rd_kafka_event_error, rd_kafka_event_opaque,
    rd_kafka_event_type, rd_kafka_resp_err_t, rd_kafka_topic_partition_t,
};

use crate::transport::Committed;
use crate::transport::kafka::ffi::delivery_event::Event;
use crate::transport::kafka::ffi::describe;
use crate::transport::kafka::ffi::queue::{Alerted, Queue, Target};
use crate::util::lock_order::{COMMITTED_ANSWERS, COMMITTED_QUESTIONS};
use crate::util::sync::{Mutex, lock};

/// How long an answer may take. A broker that answers nothing is noticed by that.
const TIMEOUT_MS: i32 = 2_000;

/// A consumer's questions that are under way.
pub(in crate::transport::kafka) struct Positions {
    queue: Queue,
    answers: Arc<Answers>,
    /// The threads that ask what is committed. They use the client.
    asking: Mutex<Vec<JoinHandle<()>>, COMMITTED_QUESTIONS>,
}

/// What those threads have found.
struct Answers {
    found: Mutex<VecDeque<Answer>, COMMITTED_ANSWERS>,
    alerted: Arc<dyn Alerted>,
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
    /// The end offsets, as far as they could be read, and why others couldn't. A leader that doesn't answer
    /// in time may be passed over without a word.
    Ends(BTreeMap<i32, i64>, Option<RDKafkaErrorCode>),
    /// The topic's id; `None` if there is no such topic, or the broker is too old to tell.
    Id(Option<u128>),
    Failed(KafkaError),
}

impl Found {
    /// The end offsets, where the ends of `asked` were asked for, and why one is missing; `None` if this
    /// answers another question.
    pub(in crate::transport::kafka) fn ends(
        self,
        asked: &[i32],
    ) -> Option<(BTreeMap<i32, i64>, Option<RDKafkaErrorCode>)> {
        match self {
            // Of a leader that doesn't answer in time, librdkafka says nothing at all.
            Self::Ends(ends, None) if asked.iter().any(|one| !ends.contains_key(one)) => {
                Some((ends, Some(RDKafkaErrorCode::OperationTimedOut)))
            }
            Self::Ends(ends, failed) => Some((ends, failed)),
            Self::Failed(KafkaError::OffsetFetch(code)) => Some((BTreeMap::new(), Some(code))),
            Self::Failed(_) | Self::Committed(_) | Self::Id(_) => None,
        }
    }
}

/// The address of a client that a thread uses.
struct Address(*mut rdkafka_sys::rd_kafka_t);

// SAFETY: librdkafka's clients may be used by any thread.
unsafe impl Send for Address {}

impl Positions {
    /// Those of a client. `alerted` hears of answers.
    ///
    /// # Safety
    /// It is dropped before the client.
    pub(super) unsafe fn new<C: ConsumerContext>(
        client: &Client<C>,
        alerted: Arc<dyn Alerted>,
    ) -> Option<Self> {
        // SAFETY: as the caller promises.
        let queue = unsafe { Queue::new(client)? };
        Some(Self {
            queue,
            answers: Arc::new(Answers {
                found: Mutex::default(),
                alerted,
            }),
            asking: Mutex::default(),
        })
    }

    /// Alerts `target` whenever an answer of the leaders comes.
    ///
    /// # Safety
    /// As for [`Queue::set_callback`].
    pub(super) unsafe fn set_callback(&self, target: &Arc<Target>) {
        // SAFETY: as the caller promises.
        unsafe { self.queue.set_callback(target) };
    }

    /// Alerts nobody any more.
    pub(super) fn clear_callback(&self) {
        self.queue.clear_callback();
    }

    /// Asks what the consumer's group has committed for these partitions.
    pub(in crate::transport::kafka) fn ask_committed(
        &self,
        partitions: &TopicPartitionList,
        number: usize,
    ) {
        let client = Address(self.queue.client());
        let answers = Arc::clone(&self.answers);
        let list = partitions.clone();
        let asking = thread::Builder::new().name("kafka-rpc-offsets".to_owned());
        let asking = asking.spawn(move || {
            // As a whole, so that the address is what is sent.
            let client = client;
            // SAFETY: the client is alive: whoever owns this thread ends it before that goes. The list
            // is ours, and is filled in.
            let found = unsafe {
                let error = rd_kafka_committed(client.0, list.ptr(), TIMEOUT_MS);
                committed(error, &list)
            };
            lock(&answers.found).push_back(Answer { number, found });
            answers.alerted.alert();
        });
        let mut threads = lock(&self.asking);
        threads.retain(|thread| !thread.is_finished());
        match asking {
            Ok(thread) => threads.push(thread),
            Err(_) => lock(&self.answers.found).push_back(Answer {
                number,
                found: failed(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE),
            }),
        }
    }

    /// Asks where partitions end; each has the logical end as its offset. This also has their leaders
    /// looked at, which librdkafka's threads may have put off.
    pub(in crate::transport::kafka) fn ask_ends(
        &self,
        partitions: &TopicPartitionList,
        number: usize,
    ) {
        let operation = rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        // SAFETY: queue and client are alive, and the list is copied. The options are given back after
        // the request has copied them.
        unsafe {
            let options = self.options(operation, number);
            let (client, queue) = (self.queue.client(), self.queue.ptr());
            rd_kafka_ListOffsets(client, partitions.ptr(), options, queue);
            rd_kafka_AdminOptions_destroy(options);
        }
    }

    /// Asks for the id of a topic; says whether an answer is to come.
    pub(in crate::transport::kafka) fn ask_id(&self, topic: &str, number: usize) -> bool {
        let Ok(name) = CString::new(topic) else {
            return false;
        };
        let mut names = [name.as_ptr()];
        let operation = rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        // SAFETY: as in `ask_ends`. The collection copies the name, is given back once, and is copied by
        // the request.
        unsafe {
            let topics = rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
            let options = self.options(operation, number);
            let (client, queue) = (self.queue.client(), self.queue.ptr());
            rd_kafka_DescribeTopics(client, topics, options, queue);
            rd_kafka_AdminOptions_destroy(options);
            rd_kafka_TopicCollection_destroy(topics);
        }
        true
    }

    /// The options of a question, which are to be given back.
    fn options(
        &self,
        operation: rd_kafka_admin_op_t,
        number: usize,
    ) -> *mut rd_kafka_AdminOptions_t {
        // SAFETY: the client is alive. Setting a timeout fails only for one out of range. The number is
        // no pointer to librdkafka, which hands it back as it is.
        unsafe {
            let options = rd_kafka_AdminOptions_new(self.queue.client(), operation);
            rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, ptr::null_mut(), 0);
            let opaque = ptr::without_provenance_mut::<c_void>(number);
            rd_kafka_AdminOptions_set_opaque(options, opaque);
            options
        }
    }

    /// The next answer, if there is one.
    pub(in crate::transport::kafka) fn answer(&self) -> Option<Answer> {
        if let Some(answer) = lock(&self.answers.found).pop_front() {
            return Some(answer);
        }
        let event = Event::next(&self.queue, Duration::ZERO)?;
        // SAFETY: the event is alive until the end of this function, and so is what is got from it.
        // Each function is called for an event of the type that it is for.
        unsafe {
            let number = rd_kafka_event_opaque(event.ptr()).addr();
            let error = rd_kafka_event_error(event.ptr());
            let found = match rd_kafka_event_type(event.ptr()) {
                _ if error != NO_ERROR => failed(error),
                RD_KAFKA_EVENT_LISTOFFSETS_RESULT => ends(&event),
                RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT => id(&event),
                _ => failed(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__FAIL),
            };
            Some(Answer { number, found })
        }
    }
}

impl Drop for Positions {
    fn drop(&mut self) {
        // Each ends within its timeout. One that panicked has nothing to say.
        for thread in std::mem::take(&mut *lock(&self.asking)) {
            drop(thread.join());
        }
    }
}

const NO_ERROR: rd_kafka_resp_err_t = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

fn failed(code: rd_kafka_resp_err_t) -> Found {
    Found::Failed(KafkaError::OffsetFetch(RDKafkaErrorCode::from(code)))
}

/// # Safety
/// The list's metadata has as many bytes as each element says.
unsafe fn committed(error: rd_kafka_resp_err_t, list: &TopicPartitionList) -> Found {
    if error != NO_ERROR {
        return failed(error);
    }
    // SAFETY: the list is alive, and one without elements has a null pointer; for metadata as the
    // caller promises.
    unsafe {
        let raw = &*list.ptr();
        if raw.elems.is_null() {
            return Found::Committed(BTreeMap::new());
        }
        let elements = slice::from_raw_parts(raw.elems, usize::try_from(raw.cnt).unwrap_or(0));
        if let Some(element) = elements.iter().find(|element| element.err != NO_ERROR) {
            return failed(element.err);
        }
        let found = elements.iter().map(|element| {
            let committed = (element.offset >= 0).then(|| Committed {
                next: element.offset,
                note: metadata(element),
            });
            (element.partition, committed)
        });
        Found::Committed(found.collect())
    }
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
unsafe fn ends(event: &Event<'_>) -> Found {
    let (mut count, mut failed) = (0, None);
    let mut ends = BTreeMap::new();
    // SAFETY: as the caller promises. All that is read is the event's, which has so many items.
    unsafe {
        let infos = rd_kafka_ListOffsets_result_infos(event.ptr(), &raw mut count);
        let infos = if infos.is_null() {
            &[][..]
        } else {
            slice::from_raw_parts(infos, count)
        };
        let found = infos.iter();
        for one in
            found.filter_map(|info| rd_kafka_ListOffsetsResultInfo_topic_partition(*info).as_ref())
        {
            if one.err != NO_ERROR {
                failed = Some(one.err.into());
            } else if one.offset >= 0 {
                ends.insert(one.partition, one.offset);
            }
        }
    }
    Found::Ends(ends, failed)
}

/// # Safety
/// The event is the answer to a question for a topic's id.
unsafe fn id(event: &Event<'_>) -> Found {
    let mut count = 0;
    // SAFETY: as the caller promises. All that is read is the event's, which has so many topics.
    unsafe {
        let result = rd_kafka_event_DescribeTopics_result(event.ptr());
        let topics = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let topics = describe::list(topics.cast_const(), count).iter();
        let mut known =
            topics.filter(|one| describe::code(rd_kafka_TopicDescription_error(**one)).is_none());
        let bits = known.next().and_then(|topic| {
            let id = rd_kafka_TopicDescription_topic_id(*topic).as_ref()?;
            let high = rd_kafka_Uuid_most_significant_bits(id);
            let low = rd_kafka_Uuid_least_significant_bits(id);
            Some(u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned()))
        });
        // Brokers of before 2.8 know none, and tell zero.
        Found::Id(bits.filter(|id| *id != 0))
    }
}

impl std::fmt::Debug for Positions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Positions").finish_non_exhaustive()
    }
}
