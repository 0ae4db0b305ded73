//! Turns a configured call into a command on the log, and guards what waits for its end.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::codegen::Arguments;
use crate::server::inherited;
use crate::transport::{Record, TransportError};
use crate::wire::{self, CallId, Cancel, Command, ReplyAddress, limits};
use crate::{Code, Method, Outcome, RpcError};

use super::connection::Bound;
use super::decode::Raw;
use super::registry::{Awaits, Ending, NO_CALL, Refusal};

/// A call before its first poll.
pub(super) struct Request {
    bound: Arc<Bound>,
    method: &'static Method,
    arguments: Arguments,
    pub(super) timeout: Option<Duration>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) idempotency_key: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) partition: Option<u32>,
}

impl Request {
    pub(super) const fn new(
        bound: Arc<Bound>,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Self {
        Self {
            bound,
            method,
            arguments,
            timeout: None,
            key,
            idempotency_key: None,
            headers: Vec::new(),
            partition: None,
        }
    }

    /// Registers the call and hands its command over.
    pub(super) fn send(mut self, id: CallId, waker: &Waker) -> Result<Pending, RpcError> {
        let connection = Arc::clone(&self.bound.connection);
        if let Some(error) = connection
            .testing
            .take_fault(self.bound.descriptor.name, self.method.name)
        {
            return Err(error);
        }
        let inherited = self.inherit();
        let arguments = match &self.arguments.bytes {
            Ok(bytes) => bytes,
            Err(reason) => return Err(self.refuse(format!("can't be encoded: {reason}"))),
        };
        let (timeout, started, deadline) = self.deadline(inherited)?;
        let partition = self.partition()?;
        let awaits = if self.method.oneway {
            Awaits::Acknowledgement
        } else {
            Awaits::Reply {
                lane: self.bound.results.lane(),
            }
        };
        let mut value = Vec::with_capacity(128 + arguments.len());
        Command {
            call_id: id,
            service: self.bound.descriptor.name,
            service_version: self.bound.descriptor.version,
            method: self.method.name,
            arguments,
            reply_to: (awaits != Awaits::Acknowledgement).then(|| ReplyAddress {
                topic: self.bound.results.topic(),
                partition: self.bound.results.partition(),
            }),
            // Rounded up: the caller's own deadline is the exact one.
            budget_ms: u32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX),
            key: self.key.as_deref(),
            idempotency_key: self.idempotency_key.as_deref(),
            attempt: 1,
            fingerprint: Some(self.bound.fingerprint),
        }
        .encode(&mut value);
        self.check_sizes(value.len())?;

        let earliest = connection
            .registry
            .insert(id.sequence(), deadline, awaits, waker.clone())
            .map_err(|refusal| self.not_registered(refusal))?;
        if earliest {
            connection.alarm.ring_by(deadline);
        }
        // Made before the command is handed over, so that not even a panic leaves the entry behind.
        let mut pending = Pending {
            bound: self.bound,
            method: self.method,
            id,
            partition,
            timeout,
            started,
            deadline,
            ended: false,
        };
        let record = Record {
            topic: &pending.bound.commands,
            partition,
            key: self.key.as_deref(),
            value: &value,
            headers: &self.headers,
            timestamp_ms: connection.clock.wall_ms(),
            urgent: pending.method.oneway,
        };
        if let Err(error) = connection.producer.produce(record, id.sequence()) {
            pending.ended = true;
            connection.registry.withdraw(id.sequence());
            return Err(not_persisted(error, &pending.bound, pending.method));
        }
        Ok(pending)
    }

    /// A call made inside a handler ends with the handler's own deadline, which this returns, and
    /// belongs to the handler's trace.
    fn inherit(&mut self) -> Option<Instant> {
        let inherited = inherited()?;
        // Both trace headers or none: the state of one trace means nothing in another.
        let own = |name: &str| matches!(name, "traceparent" | "tracestate");
        if !self.headers.iter().any(|(name, _)| own(name)) {
            self.headers.extend(inherited.trace);
        }
        Some(inherited.deadline)
    }

    /// How long the call may take, when it began, and when it ends.
    fn deadline(
        &self,
        no_later: Option<Instant>,
    ) -> Result<(Duration, Instant, Instant), RpcError> {
        let connection = &self.bound.connection;
        let mut timeout = self
            .timeout
            .or(self.method.timeout)
            .unwrap_or(connection.options.timeout);
        let longest = Duration::from_millis(limits::MAX_BUDGET_MS.into());
        if timeout > longest {
            return Err(self.refuse(format!(
                "has a timeout of {timeout:?}, and the longest is {longest:?}"
            )));
        }
        let now = connection.clock.now();
        if let Some(no_later) = no_later {
            timeout = timeout.min(no_later.saturating_duration_since(now));
        }
        if timeout.is_zero() {
            return Err(RpcError::new(
                Code::DeadlineExceeded,
                Outcome::NotRun,
                format!(
                    "the deadline of {} had passed before it was sent; give it, or the call that \
                     makes it, more time",
                    self.name()
                ),
            ));
        }
        Ok((timeout, now, now + timeout))
    }

    /// Always the client's choice, so that a cancel reaches the server that has the command.
    fn partition(&self) -> Result<u32, RpcError> {
        let count = self.bound.partitions;
        match (self.partition, &self.key, &self.idempotency_key) {
            (Some(partition), ..) if partition < count => Ok(partition),
            (Some(partition), ..) => Err(self.refuse(format!(
                "is addressed to partition {partition}, and topic `{}` has {count}",
                self.bound.commands
            ))),
            (None, Some(key), _) | (None, None, Some(key)) => Ok(wire::partition_for(key, count)),
            (None, None, None) => Ok(fastrand::u32(..count)),
        }
    }

    fn check_sizes(&self, envelope: usize) -> Result<(), RpcError> {
        let metadata: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if self.headers.len() > limits::MAX_METADATA_ENTRIES
            || metadata > limits::MAX_METADATA_BYTES
        {
            return Err(self.refuse(format!(
                "has {} headers of {metadata} bytes, and the limits are {} and {}",
                self.headers.len(),
                limits::MAX_METADATA_ENTRIES,
                limits::MAX_METADATA_BYTES
            )));
        }
        // Kafka's library hands a name over up to its first NUL, as the name of another header.
        if self.headers.iter().any(|(name, _)| name.contains('\0')) {
            return Err(self.refuse("has a header with a NUL in its name".to_owned()));
        }
        for key in [&self.key, &self.idempotency_key] {
            let length = key.as_ref().map_or(0, Vec::len);
            if length > limits::MAX_KEY_BYTES {
                return Err(self.refuse(format!(
                    "has a routing or idempotency key of {length} bytes, and the limit is {}",
                    limits::MAX_KEY_BYTES
                )));
            }
        }
        if envelope > limits::MAX_ENVELOPE_BYTES {
            return Err(self.refuse(format!(
                "takes {envelope} bytes, and the limit is {}; pass a reference to large data",
                limits::MAX_ENVELOPE_BYTES
            )));
        }
        Ok(())
    }

    fn not_registered(&self, refusal: Refusal) -> RpcError {
        let name = self.name();
        match refusal {
            Refusal::Closed => RpcError::new(
                Code::Unavailable,
                Outcome::NotRun,
                format!("{name} was not sent: the client is closed; connect a new one"),
            ),
            Refusal::Full => RpcError::new(
                Code::ResourceExhausted,
                Outcome::NotRun,
                format!(
                    "{name} was not sent: {} calls are in flight; wait for some of them, or raise \
                     `max_in_flight` of the client",
                    self.bound.connection.options.max_in_flight
                ),
            ),
        }
    }

    fn refuse(&self, what: String) -> RpcError {
        RpcError::new(
            Code::InvalidArgument,
            Outcome::NotRun,
            format!("the call of {} {what}", self.name()),
        )
    }

    fn name(&self) -> String {
        self.bound.name(self.method)
    }
}

/// Guards the registry entry of a sent call. Dropping it before the end cancels the call.
pub(super) struct Pending {
    bound: Arc<Bound>,
    method: &'static Method,
    id: CallId,
    partition: u32,
    timeout: Duration,
    started: Instant,
    deadline: Instant,
    ended: bool,
}

impl Pending {
    pub(super) fn poll(&mut self, waker: &Waker) -> Poll<Result<Raw, RpcError>> {
        let connection = &self.bound.connection;
        let ending = std::task::ready!(connection.registry.poll(self.id.sequence(), waker));
        self.ended = true;
        Poll::Ready(match ending {
            Ending::Reply(envelope, at) => Ok(self.raw(Some(envelope), at)),
            Ending::Acknowledged => Ok(self.raw(None, connection.clock.now())),
            ending => Err(self.error(ending)),
        })
    }

    pub(super) fn time_left(&self) -> Duration {
        self.deadline
            .saturating_duration_since(self.bound.connection.clock.now())
    }

    /// Ends the call although its alarm has not rung.
    pub(super) fn expire(&self) {
        self.bound.connection.registry.expire(self.id.sequence());
    }

    fn raw(&self, envelope: Option<Vec<u8>>, at: Instant) -> Raw {
        Raw {
            id: self.id,
            bound: Arc::clone(&self.bound),
            method: self.method,
            envelope,
            round_trip: at.saturating_duration_since(self.started),
        }
    }

    fn error(&self, ending: Ending) -> RpcError {
        let name = self.bound.name(self.method);
        match ending {
            Ending::Expired { persisted, trouble } => {
                let state = match (persisted, trouble) {
                    (true, _) => {
                        "its command is in the log: the server is slow, absent or dead; see that \
                         one runs, or give the call more time"
                            .to_owned()
                    }
                    (false, None) => "the broker has not acknowledged its command yet; see that \
                                      the brokers can be reached"
                        .to_owned(),
                    (false, Some(trouble)) => format!("its command may be in the log: {trouble}"),
                };
                let awaited = if self.method.oneway {
                    "acknowledged"
                } else {
                    "answered"
                };
                RpcError::new(
                    Code::DeadlineExceeded,
                    Outcome::Unknown,
                    format!(
                        "{name} was not {awaited} within {:?}; {state}",
                        self.timeout
                    ),
                )
            }
            Ending::NotPersisted(error) => not_persisted(error, &self.bound, self.method),
            Ending::Gap => RpcError::new(
                Code::Disconnected,
                Outcome::Unknown,
                format!(
                    "topic `{}` lost records while {name} waited for its reply; check the topic's \
                     retention, and whether it was created anew",
                    self.bound.results.topic()
                ),
            ),
            Ending::Reply(..) | Ending::Acknowledged | Ending::Closed => RpcError::new(
                Code::Disconnected,
                Outcome::Unknown,
                format!("the client was closed while {name} was pending"),
            ),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let connection = &self.bound.connection;
        if !connection.registry.forget(self.id.sequence()) || self.method.oneway {
            return;
        }
        let mut value = Vec::with_capacity(64);
        Cancel {
            call_id: self.id,
            service: self.bound.descriptor.name,
        }
        .encode(&mut value);
        // Best effort: if the cancel is lost, the handler's deadline stops it.
        let _ = connection.producer.produce(
            Record {
                topic: &self.bound.commands,
                partition: self.partition,
                key: None,
                value: &value,
                headers: &[],
                timestamp_ms: connection.clock.wall_ms(),
                urgent: false,
            },
            NO_CALL,
        );
    }
}

/// The error of a call whose command certainly isn't in the log.
fn not_persisted(error: TransportError, bound: &Bound, method: &Method) -> RpcError {
    error
        .context(format_args!(
            "the command of {} did not reach topic `{}`",
            bound.name(method),
            bound.commands
        ))
        .into_rpc(Outcome::NotRun)
}
