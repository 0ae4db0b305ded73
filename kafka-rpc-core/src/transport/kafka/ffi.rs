//! The only unsafe code: what librdkafka offers and its safe wrapper doesn't.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_int, c_void};
use std::sync::{Arc, PoisonError, RwLock};
use std::{ptr, slice};

use rdkafka::ClientContext;
use rdkafka::bindings::rd_kafka_vtype_t::{
    RD_KAFKA_VTYPE_END, RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_OPAQUE,
    RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_TIMESTAMP, RD_KAFKA_VTYPE_VALUE,
};
use rdkafka::bindings::{
    RD_KAFKA_MSG_F_COPY, rd_kafka_handle_mock_cluster, rd_kafka_header_cnt,
    rd_kafka_header_get_all, rd_kafka_mem_free, rd_kafka_memberid, rd_kafka_message_headers,
    rd_kafka_message_status, rd_kafka_mock_group_initial_rebalance_delay_ms, rd_kafka_msg_status_t,
    rd_kafka_producev, rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy,
    rd_kafka_queue_get_consumer, rd_kafka_queue_get_main, rd_kafka_queue_length, rd_kafka_queue_t,
    rd_kafka_resp_err_t, rd_kafka_t, rd_kafka_topic_destroy, rd_kafka_topic_new, rd_kafka_topic_t,
};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

/// Whether a record whose delivery ended with an error is certainly not in the log.
pub(super) fn certainly_not_persisted(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the pointer is that of a live message, which the borrow keeps alive, and the function
    // only reads a field of it.
    let status = unsafe { rd_kafka_message_status(message.ptr()) };
    status == rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

/// Visits the headers that have a value. A header whose name isn't UTF-8 is skipped: the wrapper's
/// own iterator panics on it, and anyone who may write to the topic can send one.
pub(super) fn each_header(message: &BorrowedMessage<'_>, visit: &mut dyn FnMut(&str, &[u8])) {
    let mut headers = ptr::null_mut();
    // SAFETY: the message is alive (see above), and the headers that are written to `headers` stay
    // its property. The first call decodes them into the message: no other thread may do that at
    // the same time, and none does, because the message never leaves the thread that polled it.
    let found = unsafe { rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if found != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
        return;
    }
    // SAFETY: `headers` is valid as long as the message, by the call above.
    for index in 0..unsafe { rd_kafka_header_cnt(headers) } {
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        // SAFETY: as above; the function writes to the three places only.
        let got = unsafe {
            rd_kafka_header_get_all(
                headers,
                index,
                &raw mut name,
                &raw mut value,
                &raw mut length,
            )
        };
        if got != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || value.is_null() {
            continue;
        }
        // SAFETY: librdkafka ends every header name with a zero byte.
        let Ok(name) = unsafe { CStr::from_ptr(name) }.to_str() else {
            continue;
        };
        // SAFETY: `value` isn't null and points to `length` bytes that live as long as the message.
        visit(name, unsafe { slice::from_raw_parts(value.cast(), length) });
    }
}

/// Whether a consumer is a member of its group: from its joining until it has told the group that
/// it leaves.
pub(super) fn is_member<C: ClientContext>(consumer: &Client<C>) -> bool {
    // SAFETY: the client is alive. The id, if there is one, is ours: a string that ends with a zero
    // byte, read before it is freed by the function that is meant for it.
    unsafe {
        let id = rd_kafka_memberid(consumer.native_ptr());
        if id.is_null() {
            return false;
        }
        let is_member = !CStr::from_ptr(id).is_empty();
        rd_kafka_mem_free(consumer.native_ptr(), id.cast());
        is_member
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

/// A producer's client, with handles of the topics that it produces to: without one, librdkafka
/// looks a topic up for each record, under a lock of the whole client.
pub(super) struct Sender<C: ProducerContext> {
    // Both are dropped before the client, which waits for them.
    handles: RwLock<Vec<Handle>>,
    _alert: Alert,
    client: BaseProducer<C>,
}

/// Is told that something came into a queue that was empty, by one of librdkafka's threads, which
/// holds the queue's lock: it must only wake others.
pub(super) trait Alerted: Send + Sync {
    fn alert(&self);
}

/// Has someone alerted when something comes into a client's queue.
pub(super) struct Alert {
    queue: *mut rd_kafka_queue_t,
    /// What the queue's callback is given; boxed, so that it stays where it is.
    _target: Box<Arc<dyn Alerted>>,
}

// SAFETY: librdkafka's queues may be used, and given back, by any thread.
unsafe impl Send for Alert {}
// SAFETY: as above.
unsafe impl Sync for Alert {}

impl Alert {
    /// On the queue that a producer is polled for. To be dropped before the client.
    fn on_main<C: ClientContext>(client: &Client<C>, target: Arc<dyn Alerted>) -> Self {
        // SAFETY: the client is alive.
        Self::new(
            unsafe { rd_kafka_queue_get_main(client.native_ptr()) },
            target,
        )
    }

    /// On the queue that a consumer is polled for. To be dropped before the client.
    pub(super) fn on_consumer<C: ClientContext>(
        client: &Client<C>,
        target: Arc<dyn Alerted>,
    ) -> Self {
        // SAFETY: the client is alive, and every consumer has a queue.
        Self::new(
            unsafe { rd_kafka_queue_get_consumer(client.native_ptr()) },
            target,
        )
    }

    fn new(queue: *mut rd_kafka_queue_t, target: Arc<dyn Alerted>) -> Self {
        let target = Box::new(target);
        // SAFETY: the queue is ours. The callback is given a pointer that is valid until `drop` has
        // taken the callback away.
        unsafe {
            rd_kafka_queue_cb_event_enable(
                queue,
                Some(alert),
                ptr::from_ref(&*target).cast_mut().cast(),
            );
        }
        Self {
            queue,
            _target: target,
        }
    }

    /// Whether nothing is in the queue.
    pub(super) fn is_empty(&self) -> bool {
        // SAFETY: the queue is ours.
        unsafe { rd_kafka_queue_length(self.queue) == 0 }
    }
}

impl Drop for Alert {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and its client is alive. The callback runs under the queue's
        // lock, which taking it away takes too: it runs no more after that.
        unsafe {
            rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            rd_kafka_queue_destroy(self.queue);
        }
    }
}

/// Called by librdkafka's threads when something comes into a queue that was empty.
unsafe extern "C" fn alert(_: *mut rd_kafka_t, target: *mut c_void) {
    // SAFETY: it is what `Alert::new` gave, and is alive as long as this may be called.
    unsafe { &*target.cast::<Arc<dyn Alerted>>() }.alert();
}

struct Handle {
    topic: Box<str>,
    handle: *mut rd_kafka_topic_t,
}

// SAFETY: librdkafka's topic handles may be used, and given back, by any thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, is given back once, and its client is alive: it is dropped
        // after the handles.
        unsafe { rd_kafka_topic_destroy(self.handle) };
    }
}

impl<C: ProducerContext<DeliveryOpaque = usize>> Sender<C> {
    /// `alerted` is when there is something to be heard by polling the client.
    pub(super) fn new(client: BaseProducer<C>, alerted: Arc<dyn Alerted>) -> Self {
        Self {
            handles: RwLock::new(Vec::new()),
            _alert: Alert::on_main(client.client(), alerted),
            client,
        }
    }

    pub(super) const fn client(&self) -> &BaseProducer<C> {
        &self.client
    }

    /// Hands a record without headers over; `token` comes back with its report. A timestamp of 0 is
    /// now.
    ///
    /// # Errors
    /// It isn't taken, and won't be reported.
    pub(super) fn produce(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: &[u8],
        timestamp_ms: i64,
        token: usize,
    ) -> Result<(), KafkaError> {
        let handles = self.handles.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = handles.iter().find(|known| *known.topic == *topic) {
            let (key, key_length) = parts(key);
            let (value, value_length) = parts(Some(value));
            // SAFETY: the client is alive, and so is the handle, which is this client's. Each type
            // is followed by arguments as librdkafka documents them for it, and the end closes the
            // list. Key and value are copied before the call returns.
            let error = unsafe {
                rd_kafka_producev(
                    self.client.client().native_ptr(),
                    RD_KAFKA_VTYPE_RKT,
                    known.handle,
                    RD_KAFKA_VTYPE_PARTITION,
                    partition,
                    RD_KAFKA_VTYPE_MSGFLAGS,
                    RD_KAFKA_MSG_F_COPY as c_int,
                    RD_KAFKA_VTYPE_VALUE,
                    value,
                    value_length,
                    RD_KAFKA_VTYPE_KEY,
                    key,
                    key_length,
                    RD_KAFKA_VTYPE_OPAQUE,
                    token as *mut c_void,
                    RD_KAFKA_VTYPE_TIMESTAMP,
                    timestamp_ms,
                    RD_KAFKA_VTYPE_END,
                )
            };
            return if error == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                Ok(())
            } else {
                Err(KafkaError::MessageProduction(error.into()))
            };
        }
        drop(handles);
        self.open(topic)?;
        self.produce(topic, partition, key, value, timestamp_ms, token)
    }

    /// Gets the handle of a topic.
    fn open(&self, topic: &str) -> Result<(), KafkaError> {
        let name = CString::new(topic)?;
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the client and the name are alive, and without settings there is nothing to own.
        let handle = unsafe {
            rd_kafka_topic_new(
                self.client.client().native_ptr(),
                name.as_ptr(),
                ptr::null_mut(),
            )
        };
        if handle.is_null() {
            return Err(KafkaError::MessageProduction(
                RDKafkaErrorCode::InvalidTopic,
            ));
        }
        let topic = topic.into();
        handles.push(Handle { topic, handle });
        Ok(())
    }
}

fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| {
        (bytes.as_ptr().cast(), bytes.len())
    })
}
