//! Hands records to librdkafka.

use std::ffi::{CString, c_int, c_void};
use std::ptr;
use std::sync::{Arc, PoisonError, RwLock};

use rdkafka::bindings::rd_kafka_vtype_t::{
    RD_KAFKA_VTYPE_END, RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_OPAQUE,
    RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_TIMESTAMP, RD_KAFKA_VTYPE_VALUE,
};
use rdkafka::bindings::{
    RD_KAFKA_MSG_F_COPY, rd_kafka_message_t, rd_kafka_produce_batch, rd_kafka_producev,
    rd_kafka_resp_err_t, rd_kafka_topic_destroy, rd_kafka_topic_new, rd_kafka_topic_t,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use crate::transport::kafka::ffi::delivery_event::{Report, hear};
use crate::transport::kafka::ffi::queue::{Alert, Alerted, Queue};

/// A producer's client, with handles of the topics that it produces to: without one, librdkafka
/// looks a topic up for each record, under a lock of the whole client.
pub(in crate::transport::kafka) struct Sender<C: ProducerContext> {
    // These are dropped before the client, which waits for them.
    handles: RwLock<Vec<Handle>>,
    _alert: Alert,
    events: Arc<Queue>,
    client: BaseProducer<C>,
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
    pub(in crate::transport::kafka) fn new(
        client: BaseProducer<C>,
        alerted: Arc<dyn Alerted>,
    ) -> Self {
        let events = Arc::new(Queue::main(client.client()));
        Self {
            handles: RwLock::new(Vec::new()),
            _alert: Alert::on(Arc::clone(&events), alerted),
            events,
            client,
        }
    }

    pub(in crate::transport::kafka) const fn client(&self) -> &BaseProducer<C> {
        &self.client
    }

    /// Hears what there is to be heard by now, at most one request's reports at a time; says whether
    /// there was anything.
    pub(in crate::transport::kafka) fn hear(&self, report: impl FnMut(Report)) -> bool {
        hear(&self.events, &**self.client.client().context(), report)
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
            // SAFETY: client and handle are alive. Each type is followed by arguments as librdkafka
            // documents them for it, and the end closes the list. Key and value are copied before
            // the call returns.
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
            // SAFETY: client and handle are alive; there are so many messages, whose keys and
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

    /// Calls `with` with the handle of a topic, which is this client's.
    fn with_handle<T>(
        &self,
        topic: &str,
        with: impl FnOnce(*mut rd_kafka_topic_t) -> T,
    ) -> Result<T, KafkaError> {
        let find = |handles: &[Handle]| {
            let known = handles.iter().find(|known| *known.topic == *topic);
            known.map(|known| known.handle)
        };
        let handles = self.handles.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = find(&handles) {
            return Ok(with(handle));
        }
        drop(handles);
        let name = CString::new(topic)?;
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = find(&handles) {
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
        if handle.is_null() {
            return Err(KafkaError::MessageProduction(
                RDKafkaErrorCode::InvalidTopic,
            ));
        }
        let topic = topic.into();
        handles.push(Handle { topic, handle });
        Ok(with(handle))
    }
}

fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| {
        (bytes.as_ptr().cast(), bytes.len())
    })
}
