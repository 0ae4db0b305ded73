//! What a broker tells of topics that the wrapper has no function for: which operations a
//! user may carry out on them.
//!
//! Each question has a queue of its own, which goes before this returns, and is asked on a client that
//! exists already. The thread that asks waits.

use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka_sys::bindings::{
    rd_kafka_AclOperation_t, rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new,
    rd_kafka_AdminOptions_set_include_authorized_operations,
    rd_kafka_AdminOptions_set_request_timeout, rd_kafka_AdminOptions_t, rd_kafka_DescribeTopics,
    rd_kafka_DescribeTopics_result_topics, rd_kafka_TopicCollection_destroy,
    rd_kafka_TopicCollection_of_topic_names, rd_kafka_TopicDescription_authorized_operations,
    rd_kafka_TopicDescription_error, rd_kafka_TopicDescription_name, rd_kafka_admin_op_t,
    rd_kafka_error_code, rd_kafka_error_destroy, rd_kafka_error_t,
    rd_kafka_event_DescribeTopics_result, rd_kafka_event_error, rd_kafka_resp_err_t,
};

use crate::transport::kafka::ffi::delivery_event::Event;
use crate::transport::kafka::ffi::queue::Queue;

/// How much longer than its request a question waits: the request ends by itself.
const MARGIN: Duration = Duration::from_millis(500);

/// What a user may do with a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::transport::kafka) struct Operations {
    pub(in crate::transport::kafka) topic: String,
    /// Whether the user may read, and may write; `None` where the broker doesn't tell.
    pub(in crate::transport::kafka) may: Option<(bool, bool)>,
}

/// Options of a request.
pub(super) struct Options(NonNull<rd_kafka_AdminOptions_t>);

impl Options {
    /// Those of a request that ends after `timeout` at the latest.
    pub(super) fn new<C: ClientContext>(
        client: &Client<C>,
        request: rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> KafkaResult<Self> {
        // SAFETY: the client is alive. The options are ours from now on.
        let options = unsafe { rd_kafka_AdminOptions_new(client.native_ptr(), request) };
        let options = Self(NonNull::new(options).ok_or_else(|| refused("no such request"))?);
        let timeout = timeout.as_millis().clamp(1, 3_600_000) as i32;
        // SAFETY: the options are alive, and nothing is written where there is no room.
        let error = unsafe {
            rd_kafka_AdminOptions_set_request_timeout(options.ptr(), timeout, ptr::null_mut(), 0)
        };
        if error == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            Ok(options)
        } else {
            Err(refused("its timeout is out of range"))
        }
    }

    fn with_authorized_operations(self) -> Self {
        // SAFETY: the options are alive; an error is ours to give back, and null is taken for none.
        unsafe {
            let error = rd_kafka_AdminOptions_set_include_authorized_operations(self.ptr(), 1);
            rd_kafka_error_destroy(error);
        }
        self
    }

    pub(super) const fn ptr(&self) -> *mut rd_kafka_AdminOptions_t {
        self.0.as_ptr()
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: they are ours, and are given back once.
        unsafe { rd_kafka_AdminOptions_destroy(self.ptr()) };
    }
}

/// Asks which operations the user of this client may carry out on each of these topics. A topic that
/// doesn't exist, or that may not be seen, is left out.
///
/// # Errors
/// No broker answers in time, or the request is refused.
pub(in crate::transport::kafka) fn operations<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> KafkaResult<Vec<Operations>> {
    let request = rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    let options = Options::new(client, request, timeout)?.with_authorized_operations();
    let names = topics.iter().map(|topic| CString::new(*topic));
    let names: Vec<CString> = names.collect::<Result<_, _>>()?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the queue goes at the end of this function, which borrows the client. The collection
    // copies the names, is given back once, and is copied by the request.
    let queue = unsafe {
        let queue = Queue::new(client).ok_or_else(|| refused("no queue"))?;
        let topics = rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        rd_kafka_DescribeTopics(client.native_ptr(), topics, options.ptr(), queue.ptr());
        rd_kafka_TopicCollection_destroy(topics);
        queue
    };
    let event = answer(&queue, timeout)?;
    // SAFETY: everything that is read is the event's, which is alive until the end of this function.
    // Names end with a zero byte, and lists are as long as is said.
    unsafe {
        let result = rd_kafka_event_DescribeTopics_result(event.ptr());
        if result.is_null() {
            return Err(refused("another answer came"));
        }
        let mut count = 0;
        let found = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let found = list(found.cast_const(), count).iter();
        let known = found.filter(|topic| code(rd_kafka_TopicDescription_error(**topic)).is_none());
        Ok(known
            .map(|topic| {
                let mut count = 0;
                let allowed =
                    rd_kafka_TopicDescription_authorized_operations(*topic, &raw mut count);
                let allowed = (!allowed.is_null()).then(|| list(allowed, count));
                Operations {
                    topic: CStr::from_ptr(rd_kafka_TopicDescription_name(*topic))
                        .to_string_lossy()
                        .into_owned(),
                    may: allowed.map(read_and_write),
                }
            })
            .collect())
    }
}

fn read_and_write(allowed: &[rd_kafka_AclOperation_t]) -> (bool, bool) {
    use rd_kafka_AclOperation_t as Operation;
    (
        allowed.contains(&Operation::RD_KAFKA_ACL_OPERATION_READ),
        allowed.contains(&Operation::RD_KAFKA_ACL_OPERATION_WRITE),
    )
}

/// The answer to a question.
fn answer(queue: &Queue, timeout: Duration) -> KafkaResult<Event<'_>> {
    let Some(event) = Event::next(queue, timeout + MARGIN) else {
        return Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
    };
    // SAFETY: the event is alive.
    let error = unsafe { rd_kafka_event_error(event.ptr()) };
    if error == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        Ok(event)
    } else {
        Err(KafkaError::AdminOp(error.into()))
    }
}

/// The elements of a list of librdkafka's.
///
/// # Safety
/// It has so many elements, which live as long as the caller says.
pub(super) unsafe fn list<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { slice::from_raw_parts(first, count) }
}

/// The code of an error, if it is one.
///
/// # Safety
/// It is alive, or null.
pub(super) unsafe fn code(error: *const rd_kafka_error_t) -> Option<RDKafkaErrorCode> {
    if error.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    let code = unsafe { rd_kafka_error_code(error) };
    (code != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| code.into())
}

pub(super) fn refused(why: &str) -> KafkaError {
    KafkaError::AdminOpCreation(why.to_owned())
}
