//! Hears what a producer's client has to tell, as the wrapper does, but without allocating for it.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use rdkafka::ClientContext;
use rdkafka::bindings::{
    RD_KAFKA_EVENT_DR, RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_LOG, RD_KAFKA_EVENT_STATS,
    rd_kafka_event_destroy, rd_kafka_event_error, rd_kafka_event_error_string, rd_kafka_event_log,
    rd_kafka_event_message_next, rd_kafka_event_stats, rd_kafka_event_t, rd_kafka_event_type,
    rd_kafka_message_status, rd_kafka_msg_status_t, rd_kafka_queue_poll, rd_kafka_resp_err_t,
};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

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

pub(super) struct Event(*mut rd_kafka_event_t);

impl Event {
    /// Takes an event that was got from a queue; `None` if there was none.
    pub(super) fn new(event: *mut rd_kafka_event_t) -> Option<Self> {
        (!event.is_null()).then_some(Self(event))
    }

    pub(super) const fn ptr(&self) -> *mut rd_kafka_event_t {
        self.0
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event is ours, and given back once.
        unsafe { rd_kafka_event_destroy(self.0) };
    }
}

/// Hears the next event of a producer's queue, if there is one: `report` is told of each record, and
/// the context of everything else.
pub(super) fn hear<C: ClientContext>(
    queue: &Queue,
    context: &C,
    mut report: impl FnMut(Report),
) -> bool {
    // SAFETY: the queue is ours.
    let Some(event) = Event::new(unsafe { rd_kafka_queue_poll(queue.ptr(), 0) }) else {
        return false;
    };
    // SAFETY: the event is alive until the end of this function, and so is what is got from it. Which
    // functions may be called for it follows from its type; texts end with a zero byte.
    unsafe {
        match rd_kafka_event_type(event.0) {
            RD_KAFKA_EVENT_DR => {
                while let Some(message) = rd_kafka_event_message_next(event.0).as_ref() {
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
                if rd_kafka_event_log(event.0, into.0, into.1, into.2) == 0 {
                    let facility = CStr::from_ptr(facility).to_string_lossy();
                    let text = CStr::from_ptr(text).to_string_lossy();
                    context.log(level(severity), facility.trim(), text.trim());
                }
            }
            RD_KAFKA_EVENT_STATS => {
                context.stats_raw(CStr::from_ptr(rd_kafka_event_stats(event.0)).to_bytes());
            }
            RD_KAFKA_EVENT_ERROR => {
                let code = RDKafkaErrorCode::from(rd_kafka_event_error(event.0));
                let reason = CStr::from_ptr(rd_kafka_event_error_string(event.0));
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
