//! Takes a consumer's records, many at a time.
//!
//! The wrapper takes each record as an event of its own, which costs more than reading it does. So
//! the records of the partitions that are adopted come into a queue apart from the consumer's
//! events, which the wrapper goes on handling.

use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_void};
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{ptr, slice};

use rdkafka::ClientContext;
use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_header_cnt, rd_kafka_header_get_all,
    rd_kafka_message_destroy, rd_kafka_message_headers, rd_kafka_message_t,
    rd_kafka_message_timestamp, rd_kafka_resp_err_t, rd_kafka_timestamp_type_t,
    rd_kafka_topic_name,
};
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use crate::transport::kafka::ffi::queue::{Alert, Alerted, Queue};
use crate::transport::{Headers, Incoming};

/// So many records are taken at a time at most.
const BATCH: usize = 128;

/// What a consumer has read of one topic. To be dropped before the consumer.
pub(in crate::transport::kafka) struct Inbox {
    topic: CString,
    alerts: Vec<Alert>,
    taken: VecDeque<Message>,
    /// The queue was empty after what was taken last.
    drained: bool,
    events: Arc<Queue>,
    queue: Arc<Queue>,
}

/// What came of looking into an inbox.
#[derive(Debug)]
pub(in crate::transport::kafka) enum Polled<T> {
    Nothing,
    Record(T),
    /// A record of another topic, which wasn't handed on.
    Foreign,
    Error(KafkaError),
}

impl Inbox {
    /// Names with a zero byte are refused where topics are checked; nothing is read of such a one.
    pub(in crate::transport::kafka) fn new<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        topic: &str,
    ) -> Self {
        let inbox = Self {
            topic: CString::new(topic).unwrap_or_default(),
            alerts: Vec::new(),
            taken: VecDeque::with_capacity(BATCH),
            drained: false,
            events: Arc::new(Queue::consumer(consumer.client())),
            queue: Arc::new(Queue::new(consumer.client())),
        };
        Self {
            alerts: vec![inbox.on_events(None)],
            ..inbox
        }
    }

    /// Where the records of adopted partitions come.
    pub(in crate::transport::kafka) const fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Has somebody alerted when a record comes, or an event.
    pub(in crate::transport::kafka) fn alert(&mut self, target: &Arc<dyn Alerted>) {
        // A queue has one callback, which goes with the alert that set it: first the old one, then
        // the new one.
        self.alerts.clear();
        self.alerts = vec![
            self.on_events(Some(target)),
            Alert::on(Arc::clone(&self.queue), Arc::clone(target)),
        ];
    }

    fn on_events(&self, target: Option<&Arc<dyn Alerted>>) -> Alert {
        let told = Event {
            queue: Arc::downgrade(&self.queue),
            target: target.map(Arc::clone),
        };
        Alert::on(Arc::clone(&self.events), Arc::new(told))
    }

    /// Whether every record that librdkafka gave out was handed on.
    pub(in crate::transport::kafka) fn is_handed_on(&self) -> bool {
        self.taken.is_empty()
    }

    /// Whether no record is at hand.
    pub(in crate::transport::kafka) fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.queue.is_empty()
    }

    /// Whether all records that were at hand at the last look were handed on: whoever has itself
    /// alerted hears of the next one.
    pub(in crate::transport::kafka) fn is_drained(&self) -> bool {
        self.taken.is_empty() && self.drained
    }

    /// Forgets the records that weren't handed on.
    pub(in crate::transport::kafka) fn clear(&mut self) {
        self.taken.clear();
    }

    /// Hands on the next record, or has the consumer's events handled and tells of an error among
    /// them. Waits so long for either.
    pub(in crate::transport::kafka) fn poll<C: ConsumerContext, T>(
        &mut self,
        consumer: &BaseConsumer<C>,
        wait: Duration,
        visit: impl FnOnce(Incoming<'_>) -> T,
    ) -> Polled<T> {
        if self.taken.is_empty() {
            self.drained = false;
            while !self.events.is_empty() {
                match consumer.poll(Duration::ZERO) {
                    None => {}
                    Some(event) => return other(event, &self.topic, visit),
                }
            }
            self.drained = take(&self.queue, wait, &mut self.taken);
        }
        let Some(message) = self.taken.pop_front() else {
            return Polled::Nothing;
        };
        match error(message.get(), consumer.client()) {
            Some(error) => Polled::Error(error),
            None => hand_on(message.get(), &self.topic, visit),
        }
    }

    /// Has a consumer's events handled, and waits so long for one, but leaves its records where they
    /// are. That the consumer is polled shows its group that it lives.
    pub(in crate::transport::kafka) fn poll_events<C: ConsumerContext, T>(
        &self,
        consumer: &BaseConsumer<C>,
        wait: Duration,
        visit: impl FnOnce(Incoming<'_>) -> T,
    ) -> Polled<T> {
        match consumer.poll(wait) {
            None => Polled::Nothing,
            Some(event) => other(event, &self.topic, visit),
        }
    }
}

/// What a consumer was polled for that it doesn't handle itself: an error, or a record of a partition
/// that wasn't adopted.
fn other<T>(
    event: KafkaResult<BorrowedMessage<'_>>,
    topic: &CStr,
    visit: impl FnOnce(Incoming<'_>) -> T,
) -> Polled<T> {
    match event {
        Err(error) => Polled::Error(error),
        // SAFETY: the message outlives the visit.
        Ok(message) => hand_on(unsafe { &*message.ptr() }, topic, visit),
    }
}

/// Shows a record of this topic, and of no other.
fn hand_on<T>(
    message: &rd_kafka_message_t,
    topic: &CStr,
    visit: impl FnOnce(Incoming<'_>) -> T,
) -> Polled<T> {
    // SAFETY: a record holds its topic, whose name lives as long as it does and ends with a zero byte.
    let own = unsafe { CStr::from_ptr(rd_kafka_topic_name(message.rkt)) } == topic;
    if own {
        Polled::Record(show(message, visit))
    } else {
        Polled::Foreign
    }
}

/// Ends the waiting for a record, since there is an event.
struct Event {
    queue: Weak<Queue>,
    target: Option<Arc<dyn Alerted>>,
}

impl Alerted for Event {
    fn alert(&self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.end_waiting();
        }
        if let Some(target) = &self.target {
            target.alert();
        }
    }
}

/// Takes what is there; waits so long for something. Says whether that was certainly all.
fn take(queue: &Queue, wait: Duration, into: &mut VecDeque<Message>) -> bool {
    // Librdkafka waits until it has as many as it is asked for.
    let count = if wait.is_zero() { BATCH } else { 1 };
    let mut messages = [ptr::null_mut(); BATCH];
    let wait = wait.as_millis().try_into().unwrap_or(i32::MAX);
    // SAFETY: the queue is alive, and there is room for as many pointers as are asked for.
    let got =
        unsafe { rd_kafka_consume_batch_queue(queue.ptr(), wait, messages.as_mut_ptr(), count) };
    let got = usize::try_from(got).unwrap_or(0);
    into.extend(messages[..got].iter().copied().map(Message));
    got < count
}

/// A record, or an error of a partition.
struct Message(*mut rd_kafka_message_t);

// SAFETY: librdkafka's messages may be used, and given back, by any thread, if by one at a time.
unsafe impl Send for Message {}

impl Message {
    fn get(&self) -> &rd_kafka_message_t {
        // SAFETY: it is ours until it is dropped.
        unsafe { &*self.0 }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it is ours, and given back once.
        unsafe { rd_kafka_message_destroy(self.0) };
    }
}

fn error<C: ClientContext>(message: &rd_kafka_message_t, client: &Client<C>) -> Option<KafkaError> {
    match message.err {
        rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
        rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
            Some(KafkaError::PartitionEOF(message.partition))
        }
        code => {
            let fatal = client
                .fatal_error()
                .filter(|_| code == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__FATAL);
            Some(match fatal {
                Some((code, _)) => KafkaError::MessageConsumptionFatal(code),
                None => KafkaError::MessageConsumption(RDKafkaErrorCode::from(code)),
            })
        }
    }
}

/// Shows a message as the transport's users see it, without a copy.
fn show<T>(message: &rd_kafka_message_t, visit: impl FnOnce(Incoming<'_>) -> T) -> T {
    let mut kind = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the message is alive, and the function only reads fields of it.
    let timestamp_ms = unsafe { rd_kafka_message_timestamp(message, &raw mut kind) };
    visit(Incoming {
        partition: u32::try_from(message.partition).unwrap_or(0),
        offset: message.offset,
        timestamp_ms: timestamp_ms.max(0),
        // SAFETY: key and payload are as long as the message says, and live as long as it does.
        key: unsafe { bytes(message.key, message.key_len) },
        // SAFETY: as above.
        value: unsafe { bytes(message.payload, message.len) },
        headers: &MessageHeaders(message),
    })
}

/// # Safety
/// There are so many bytes, unless it is null, and they live as long as what this returns.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), length) })
}

struct MessageHeaders<'a>(&'a rd_kafka_message_t);

impl Headers for MessageHeaders<'_> {
    /// A header whose name isn't UTF-8 is skipped: anyone who may write to the topic can send one.
    fn each(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive, and the headers that are written to `headers` stay its
        // property. The first call decodes them into the message: no other thread may do that at
        // the same time, and none does, because messages aren't shared.
        let found = unsafe { rd_kafka_message_headers(self.0, &raw mut headers) };
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
            // SAFETY: `value` isn't null and points to `length` bytes that live as long as the
            // message.
            visit(name, unsafe { slice::from_raw_parts(value.cast(), length) });
        }
    }
}
