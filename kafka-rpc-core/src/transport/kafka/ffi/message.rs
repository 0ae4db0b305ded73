//! A record as librdkafka hands it out, shown without a copy.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::{ptr, slice};

use rdkafka::message::BorrowedMessage;
use rdkafka_sys::bindings::{
    rd_kafka_header_cnt, rd_kafka_header_get_all, rd_kafka_message_destroy,
    rd_kafka_message_headers, rd_kafka_message_t, rd_kafka_message_timestamp, rd_kafka_resp_err_t,
    rd_kafka_timestamp_type_t, rd_kafka_topic_name,
};

use crate::transport::{Headers, Incoming};

/// A record, or an error of a partition, that was taken from a queue.
///
/// Its client is alive: whoever makes a message promises to drop it first.
pub(super) struct Message(NonNull<rd_kafka_message_t>);

// SAFETY: librdkafka's messages may be used, and given back, by any thread, if by one at a time.
unsafe impl Send for Message {}

impl Message {
    /// `None` if there is none.
    ///
    /// # Safety
    /// The message is the caller's to give back, once, and what this returns is dropped before the
    /// message's client.
    pub(super) unsafe fn new(message: *mut rd_kafka_message_t) -> Option<Self> {
        NonNull::new(message).map(Self)
    }

    /// What there is to be seen of it.
    pub(super) const fn view(&self) -> View<'_> {
        View {
            message: self.0,
            borrowed: PhantomData,
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is ours, is given back once, and its client is alive.
        unsafe { rd_kafka_message_destroy(self.0.as_ptr()) };
    }
}

/// A message that somebody keeps alive for `'a`, and that no other thread uses meanwhile: a view
/// stays on the thread that it was made on.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    message: NonNull<rd_kafka_message_t>,
    borrowed: PhantomData<&'a ()>,
}

impl<'a> View<'a> {
    /// That of a message that came as an event. Takes it exclusively: though the wrapper lets its
    /// messages be shared, headers are decoded at the first look, and two threads may not do that.
    pub(super) fn of_event(message: &'a mut BorrowedMessage<'_>) -> Option<Self> {
        Some(Self {
            message: NonNull::new(message.ptr())?,
            borrowed: PhantomData,
        })
    }

    const fn get(self) -> &'a rd_kafka_message_t {
        // SAFETY: the message is alive for `'a`, and librdkafka doesn't change these fields once it
        // has handed the message out.
        unsafe { self.message.as_ref() }
    }

    /// The error that came in the place of a record.
    pub(super) fn error(self) -> Option<rd_kafka_resp_err_t> {
        let error = self.get().err;
        (error != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then_some(error)
    }

    pub(super) const fn partition(self) -> i32 {
        self.get().partition
    }

    /// Whether it is of this topic.
    pub(super) fn is_of(self, topic: &CStr) -> bool {
        let handle = self.get().rkt;
        // SAFETY: the message keeps the handle of its topic, which keeps the name, and the name ends
        // with a zero byte.
        !handle.is_null() && unsafe { CStr::from_ptr(rd_kafka_topic_name(handle)) } == topic
    }

    /// Shows a record as the transport's users see it.
    pub(super) fn show<T>(self, visit: impl FnOnce(Incoming<'_>) -> T) -> T {
        let message = self.get();
        let mut kind = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, and the function only reads fields of it.
        let timestamp_ms =
            unsafe { rd_kafka_message_timestamp(self.message.as_ptr(), &raw mut kind) };
        visit(Incoming {
            partition: u32::try_from(message.partition).unwrap_or(0),
            offset: message.offset,
            timestamp_ms: timestamp_ms.max(0),
            // SAFETY: key and payload are as long as the message says, and live as long as it does.
            key: unsafe { bytes(message.key, message.key_len) },
            // SAFETY: as above.
            value: unsafe { bytes(message.payload, message.len) },
            headers: &self,
        })
    }
}

/// # Safety
/// There are so many bytes, unless it is null, and they live as long as what this returns.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), length) })
}

impl Headers for View<'_> {
    /// A header whose name isn't UTF-8 is skipped: anyone who may write to the topic can send one.
    fn each(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive, and the headers that are written to `headers` stay its
        // property. The first call decodes them into a part of the message that no reference of ours
        // covers; no other thread does that at the same time, since a view isn't shared.
        let found = unsafe { rd_kafka_message_headers(self.message.as_ptr(), &raw mut headers) };
        if found != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
            return;
        }
        // SAFETY: the call above succeeded, so `headers` is valid as long as the message.
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
