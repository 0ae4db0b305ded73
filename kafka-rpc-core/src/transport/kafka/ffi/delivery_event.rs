//! Reads the events of a client's queue as the wrapper does, but without allocating for each: delivery
//! reports here, the results of commits in `commits`.

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys::bindings::{
    RD_KAFKA_EVENT_DR, RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_LOG, RD_KAFKA_EVENT_STATS,
    rd_kafka_event_destroy, rd_kafka_event_error, rd_kafka_event_error_string, rd_kafka_event_log,
    rd_kafka_event_message_next, rd_kafka_event_stats, rd_kafka_event_t, rd_kafka_event_type,
    rd_kafka_message_status, rd_kafka_msg_status_t, rd_kafka_queue_poll, rd_kafka_resp_err_t,
};

use crate::transport::kafka::ffi::queue::Queue;

/// What became of a record, with the token that travelled with it.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Report {
    pub(in crate::transport::kafka) token: usize,
    pub(in crate::transport::kafka) failure: Option<Failure>,
}

/// Why a record wasn't delivered.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Failure {
    pub(in crate::transport::kafka) error: KafkaError,
    /// It is certainly not in the log.
    pub(in crate::transport::kafka) not_persisted: bool,
}

/// An event that was taken from a queue, which it borrows.
pub(super) struct Event<'a>(NonNull<rd_kafka_event_t>, PhantomData<&'a Queue>);

impl<'a> Event<'a> {
    /// The next event of a queue; `None` if none comes within `wait`.
    pub(super) fn next(queue: &'a Queue, wait: Duration) -> Option<Self> {
        let wait = wait.as_millis().try_into().unwrap_or(i32::MAX);
        // SAFETY: the queue is alive, as is its client. The event is ours from now on.
        let event = NonNull::new(unsafe { rd_kafka_queue_poll(queue.ptr(), wait) })?;
        Some(Self(event, PhantomData))
    }

    pub(super) const fn ptr(&self) -> *mut rd_kafka_event_t {
        self.0.as_ptr()
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        // SAFETY: the event is ours, and is given back once. It borrows its queue, whose client is
        // alive.
        unsafe { rd_kafka_event_destroy(self.ptr()) };
    }
}

/// Reads the next event of a producer's queue, if there is one: `report` is told of each record, and
/// the context of everything else. Says whether there was one.
pub(super) fn poll_event<C: ClientContext>(
    queue: &Queue,
    context: &C,
    mut report: impl FnMut(Report),
) -> bool {
    let Some(event) = Event::next(queue, Duration::ZERO) else {
        return false;
    };
    // SAFETY: the event is alive until the end of this function, and so are the messages and texts
    // that are got from it: they are its own. Each function is called for an event of the type that
    // it is for. Texts end with a zero byte, and none of these types of event lacks its text.
    unsafe {
        match rd_kafka_event_type(event.ptr()) {
            RD_KAFKA_EVENT_DR => {
                while let Some(message) = rd_kafka_event_message_next(event.ptr()).as_ref() {
                    let delivered = message.err == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
                    let failure = (!delivered).then(|| Failure {
                        error: KafkaError::MessageProduction(message.err.into()),
                        not_persisted: rd_kafka_message_status(message)
                            == rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED,
                    });
                    let token = message._private as usize;
                    report(Report { token, failure });
                }
            }
            RD_KAFKA_EVENT_LOG => {
                let mut facility: *const c_char = ptr::null();
                let mut text: *const c_char = ptr::null();
                let mut severity = 0;
                let into = (&raw mut facility, &raw mut text, &raw mut severity);
                if rd_kafka_event_log(event.ptr(), into.0, into.1, into.2) == 0 {
                    let facility = CStr::from_ptr(facility).to_string_lossy();
                    let text = CStr::from_ptr(text).to_string_lossy();
                    context.log(level(severity), facility.trim(), text.trim());
                }
            }
            RD_KAFKA_EVENT_STATS => {
                context.stats_raw(CStr::from_ptr(rd_kafka_event_stats(event.ptr())).to_bytes());
            }
            RD_KAFKA_EVENT_ERROR => {
                let code = RDKafkaErrorCode::from(rd_kafka_event_error(event.ptr()));
                let reason = CStr::from_ptr(rd_kafka_event_error_string(event.ptr()));
                context.error(KafkaError::Global(code), reason.to_string_lossy().trim());
            }
            _ => {}
        }
    }
    true
}

/// The level of a severity as `syslog` numbers them.
const fn level(severity: c_int) -> RDKafkaLogLevel {
    match severity {
        ..=0 => RDKafkaLogLevel::Emerg,
        1 => RDKafkaLogLevel::Alert,
        2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        7.. => RDKafkaLogLevel::Debug,
    }
}
