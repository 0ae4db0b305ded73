//! What librdkafka logs and reports aside from any one operation: the log lines go to `tracing`,
//! the last failure to connect is kept for error messages.

use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use crate::transport::kafka::client::{errors, lines};
use crate::transport::{TransportError, TransportErrorKind};
use crate::util::lock_order::CLIENT_FAILURE;
use crate::util::sync::{Mutex, lock};
use crate::util::throttle;

/// Why an operation of a client got no further, as far as the client's own events tell.
///
/// Operations only ever time out; what librdkafka knows about the reason comes as an event, when
/// the client is polled.
#[derive(Clone)]
pub(in crate::transport::kafka) struct Events(Arc<Inner>);

struct Inner {
    brokers: String,
    /// How it connects and logs in.
    protocol: String,
    failure: Mutex<Option<TransportError>, CLIENT_FAILURE>,
}

impl Events {
    /// Those of a client of these brokers, which connects and logs in by `protocol`.
    pub(in crate::transport::kafka) fn new(brokers: &str, protocol: String) -> Self {
        Self(Arc::new(Inner {
            brokers: brokers.to_owned(),
            protocol,
            failure: Mutex::new(None),
        }))
    }

    /// The refusal of the credentials, if there was one that isn't over.
    pub(in crate::transport::kafka) fn refused(&self) -> Option<TransportError> {
        lock(&self.0.failure)
            .clone()
            .filter(|failure| failure.kind == TransportErrorKind::Unauthenticated)
    }

    /// What failed is over, or is reported.
    pub(in crate::transport::kafka) fn forget(&self) {
        lock(&self.0.failure).take();
    }

    /// The error to report for one that an operation ended with: the cause where a failure to
    /// connect explains it.
    pub(in crate::transport::kafka) fn explain(&self, error: TransportError) -> TransportError {
        if error.kind != TransportErrorKind::Unavailable {
            return error;
        }
        match lock(&self.0.failure).clone() {
            Some(failure) if failure.kind == TransportErrorKind::Unauthenticated => failure,
            Some(failure) => TransportError::new(
                error.kind,
                format!("{} ({})", error.message, failure.message),
            ),
            None => error,
        }
    }

    fn note(&self, code: RDKafkaErrorCode, reason: &str) {
        let kind = errors::kind(code);
        let message = match kind {
            TransportErrorKind::Unauthenticated => format!(
                "{} refuses the connection by {}: {reason}",
                self.0.brokers, self.0.protocol
            ),
            TransportErrorKind::Unavailable => reason.to_owned(),
            _ => return,
        };
        let mut failure = lock(&self.0.failure);
        // A refusal says more than that no broker is up, which follows from it.
        let refused = failure
            .as_ref()
            .is_some_and(|failure| failure.kind == TransportErrorKind::Unauthenticated);
        // "All brokers are down" comes after the event that says why.
        let says_more = code != RDKafkaErrorCode::AllBrokersDown || failure.is_none();
        if kind == TransportErrorKind::Unauthenticated || (!refused && says_more) {
            *failure = Some(TransportError::new(kind, message));
        }
    }
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Who sets `debug` wants each of these lines.
        let suppressed = if matches!(level, RDKafkaLogLevel::Debug) {
            Some(0)
        } else {
            let cause = lines::cause(message);
            let brokers = &self.0.brokers;
            throttle::pass(format_args!("{brokers}: {facility}: {cause}"))
        };
        let Some(suppressed) = suppressed else {
            return;
        };
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                tracing::error!(target: "kafka_rpc::librdkafka", facility, suppressed, "{message}");
            }
            RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "kafka_rpc::librdkafka", facility, suppressed, "{message}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(target: "kafka_rpc::librdkafka", facility, suppressed, "{message}");
            }
            RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "kafka_rpc::librdkafka", facility, "{message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "kafka_rpc::librdkafka", %error, "{reason}");
        if let Some(code) = error.rdkafka_error_code() {
            self.note(code, reason);
        }
    }

    fn stats(&self, _: Statistics) {}

    // Statistics are for those who ask librdkafka for them: passed on unread.
    fn stats_raw(&self, statistics: &[u8]) {
        let statistics = String::from_utf8_lossy(statistics);
        tracing::debug!(target: "kafka_rpc::librdkafka", "{statistics}");
    }
}

impl ConsumerContext for Events {}
