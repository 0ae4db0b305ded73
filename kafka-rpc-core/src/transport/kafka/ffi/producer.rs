//! A producer's client: hands records to librdkafka, and reads what became of them.

use std::ffi::{CString, c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::{Arc, PoisonError, RwLock};

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka_sys::bindings::rd_kafka_vtype_t::{
    RD_KAFKA_VTYPE_END, RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_OPAQUE,
    RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_TIMESTAMP, RD_KAFKA_VTYPE_VALUE,
};
use rdkafka_sys::bindings::{
    RD_KAFKA_MSG_F_COPY, rd_kafka_message_t, rd_kafka_produce_batch, rd_kafka_producev,
    rd_kafka_resp_err_t, rd_kafka_topic_destroy, rd_kafka_topic_new, rd_kafka_topic_t,
};

use crate::transport::Record;
use crate::transport::kafka::ffi::delivery_event::{Report, poll_event};
use crate::transport::kafka::ffi::queue::{Alerted, Queue, Target};

/// A producer's client, with handles of the topics that it produces to: without one, librdkafka
/// looks a topic up for each record, under a lock of the whole client.
///
/// It owns everything that may not outlive the client, and hands none of it out. [`Drop`] alone
/// decides the order in which they go; the order of the fields has no meaning.
pub(in crate::transport::kafka) struct Producer<C: ProducerContext> {
    client: ManuallyDrop<BaseProducer<C>>,
    /// What the client is polled for.
    events: ManuallyDrop<Queue>,
    topics: RwLock<Vec<Topic>>,
    /// What the queue's callback is given.
    target: Arc<Target>,
}

/// The handle of a topic. Its client is alive: whoever makes one promises to drop it first.
struct Topic {
    name: Box<str>,
    handle: NonNull<rd_kafka_topic_t>,
}

// SAFETY: librdkafka's topic handles may be used, and given back, by any thread.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, is given back once, and its client is alive.
        unsafe { rd_kafka_topic_destroy(self.handle.as_ptr()) };
    }
}

impl<C: ProducerContext> Drop for Producer<C> {
    fn drop(&mut self) {
        // Nobody is to be woken for what is torn down.
        self.events.clear_callback();
        // What belongs to the client goes before it.
        self.topics
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        // SAFETY: each is dropped once, here, and not used afterwards.
        unsafe {
            ManuallyDrop::drop(&mut self.events);
            ManuallyDrop::drop(&mut self.client);
        }
        // The callback's target is dropped after this: none of librdkafka's threads is left.
    }
}

impl<C: ProducerContext<DeliveryOpaque = usize>> Producer<C> {
    /// `alerted` is when there is something to be read by [`poll_event`](Self::poll_event).
    ///
    /// # Errors
    /// The client has no queue, as none of librdkafka's lacks.
    pub(in crate::transport::kafka) fn new(
        client: BaseProducer<C>,
        alerted: Arc<dyn Alerted>,
    ) -> KafkaResult<Self> {
        let missing = || KafkaError::ClientCreation("the producer has no queue".to_owned());
        // SAFETY: `Drop` drops the queue before the client, and so does this function where it ends
        // early.
        let events = unsafe { Queue::main(client.client()) }.ok_or_else(missing)?;
        let producer = Self {
            client: ManuallyDrop::new(client),
            events: ManuallyDrop::new(events),
            topics: RwLock::new(Vec::new()),
            target: Arc::new(Target(alerted)),
        };
        // SAFETY: the target is a field, and fields are dropped after `Drop` has destroyed the client.
        unsafe { producer.events.set_callback(&producer.target) };
        Ok(producer)
    }

    /// The client, for everything that the wrapper does safely.
    pub(in crate::transport::kafka) fn client(&self) -> &BaseProducer<C> {
        &self.client
    }

    /// Reads one event, if there is one: at most one request's reports. Says whether there was one.
    pub(in crate::transport::kafka) fn poll_event(&self, report: impl FnMut(Report)) -> bool {
        poll_event(&self.events, &**self.client.client().context(), report)
    }

    /// Hands a record over, by the cheapest way that can carry it; `token` comes back with its report.
    ///
    /// # Errors
    /// It isn't taken, and won't be reported.
    pub(in crate::transport::kafka) fn send(
        &self,
        record: &Record<'_>,
        token: usize,
    ) -> Result<(), KafkaError> {
        let partition = i32::try_from(record.partition).unwrap_or(i32::MAX);
        if record.headers.is_empty() {
            let (key, at) = (record.key, record.timestamp_ms);
            return self.produce(record.topic, partition, key, record.value, at, token);
        }
        let mut message = BaseRecord::with_opaque_to(record.topic, token)
            .partition(partition)
            .payload(record.value)
            .timestamp(record.timestamp_ms)
            .headers(headers(record.headers));
        if let Some(key) = record.key {
            message = message.key(key);
        }
        self.client().send(message).map_err(|(error, _)| error)
    }

    /// Hands a record without headers over; `token` comes back with its report. A timestamp of 0 is
    /// now.
    ///
    /// # Errors
    /// It isn't taken, and won't be reported.
    pub(in crate::transport::kafka) fn produce(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: &[u8],
        timestamp_ms: i64,
        token: usize,
    ) -> Result<(), KafkaError> {
        let error = self.with_handle(topic, |handle| {
            let (key, key_length) = parts(key);
            let (value, value_length) = parts(Some(value));
            // SAFETY: the client is alive, and so is the handle, which is the client's. Each type is
            // followed by arguments as librdkafka documents them for it, and the end closes the list.
            // Key and value are copied before the call returns.
            unsafe {
                rd_kafka_producev(
                    self.client.client().native_ptr(),
                    RD_KAFKA_VTYPE_RKT,
                    handle,
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
            }
        })?;
        match error {
            rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            error => Err(KafkaError::MessageProduction(error.into())),
        }
    }

    /// Hands records without headers over, all to one partition and stamped with the present time; the
    /// tokens come back with their reports. `refused` is told which aren't taken, and won't be
    /// reported.
    pub(in crate::transport::kafka) fn produce_all<'a>(
        &self,
        topic: &str,
        partition: i32,
        records: impl Iterator<Item = (Option<&'a [u8]>, &'a [u8], usize)>,
        mut refused: impl FnMut(usize, KafkaError),
    ) {
        let mut messages: Vec<_> = records
            .map(|(key, value, token)| {
                let (key, key_len) = parts(key);
                let (payload, len) = parts(Some(value));
                rd_kafka_message_t {
                    err: rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                    rkt: ptr::null_mut(),
                    partition,
                    payload: payload.cast_mut(),
                    len,
                    key: key.cast_mut(),
                    key_len,
                    offset: 0,
                    _private: token as *mut c_void,
                }
            })
            .collect();
        if messages.is_empty() {
            return;
        }
        let handed = self.with_handle(topic, |handle| {
            let count = c_int::try_from(messages.len()).unwrap_or(c_int::MAX);
            let flags = RD_KAFKA_MSG_F_COPY as c_int;
            // SAFETY: the handle is alive, and so is its client; there are so many messages, whose keys and
            // payloads live as long as the records, and are copied before the call returns.
            unsafe {
                rd_kafka_produce_batch(handle, partition, flags, messages.as_mut_ptr(), count);
            }
        });
        for message in messages {
            let token = message._private as usize;
            if let Err(error) = &handed {
                refused(token, error.clone());
            } else if message.err != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                refused(token, KafkaError::MessageProduction(message.err.into()));
            }
        }
    }

    /// Calls `with` with the handle of a topic, which is this client's and alive during the call.
    pub(super) fn with_handle<T>(
        &self,
        topic: &str,
        with: impl FnOnce(*mut rd_kafka_topic_t) -> T,
    ) -> Result<T, KafkaError> {
        let find = |topics: &[Topic]| {
            let known = topics.iter().find(|known| *known.name == *topic);
            known.map(|known| known.handle.as_ptr())
        };
        // The lock is held during the call: nothing is taken out of the list, and nothing moves what
        // the handle points to.
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = find(&topics) {
            return Ok(with(handle));
        }
        drop(topics);
        let name = CString::new(topic)?;
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = find(&topics) {
            return Ok(with(handle));
        }
        // SAFETY: the client and the name are alive, and without settings there is nothing to own.
        let handle = unsafe {
            rd_kafka_topic_new(
                self.client.client().native_ptr(),
                name.as_ptr(),
                ptr::null_mut(),
            )
        };
        let Some(handle) = NonNull::new(handle) else {
            return Err(KafkaError::MessageProduction(
                RDKafkaErrorCode::InvalidTopic,
            ));
        };
        // `Drop` drops it before the client.
        topics.push(Topic {
            name: topic.into(),
            handle,
        });
        Ok(with(handle.as_ptr()))
    }
}

fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| {
        (bytes.as_ptr().cast(), bytes.len())
    })
}

fn headers(headers: &[(String, Vec<u8>)]) -> OwnedHeaders {
    headers.iter().fold(
        OwnedHeaders::new_with_capacity(headers.len()),
        |all, (key, value)| {
            all.insert(Header {
                key,
                value: Some(value),
            })
        },
    )
}
