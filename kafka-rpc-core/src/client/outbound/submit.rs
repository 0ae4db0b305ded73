//! Turns a configured call into a command on the log.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::call::inherited;
use crate::call::{Arguments, Payload};
use crate::transport::Record;
use crate::wire::{self, CallId, Command, ReplyAddress, limits};
use crate::{Code, Method, Outcome, RpcError};

use crate::client::call::sent::Pending;
use crate::client::call::timing::Timing;
use crate::client::connection::Bound;
use crate::client::pending::{Awaits, Refusal};

/// A call before its first poll.
pub(in crate::client) struct Request {
    bound: Arc<Bound>,
    method: &'static Method,
    arguments: Result<Payload, String>,
    pub(in crate::client) timeout: Option<Duration>,
    pub(in crate::client) key: Option<Vec<u8>>,
    extras: Option<Box<Extras>>,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
}

/// What few calls are given; kept apart so that the others stay small.
#[derive(Default)]
pub(in crate::client) struct Extras {
    pub(in crate::client) idempotency_key: Option<Vec<u8>>,
    pub(in crate::client) headers: Vec<(String, Vec<u8>)>,
    pub(in crate::client) partition: Option<u32>,
}

static NO_EXTRAS: Extras = Extras {
    idempotency_key: None,
    headers: Vec::new(),
    partition: None,
};

impl Request {
    pub(in crate::client) fn new(
        bound: Arc<Bound>,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Self {
        let (arguments, encoding) = arguments.finish();
        Self {
            bound,
            method,
            arguments,
            timeout: None,
            key,
            extras: None,
            timing: encoding.map(|arguments| {
                Box::new(Timing {
                    arguments,
                    ..Timing::default()
                })
            }),
        }
    }

    pub(in crate::client) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Has all stages timed, up to the acknowledgement.
    pub(in crate::client) fn time(&mut self) {
        self.timing.get_or_insert_default().asked = true;
        Arguments::time_next();
    }

    /// Registers the call and hands its command over.
    pub(in crate::client) fn send(
        mut self,
        id: CallId,
        waker: &Waker,
    ) -> Result<Pending, RpcError> {
        let connection = &self.bound.connection;
        if let Some(error) = connection
            .testing
            .take_fault(self.bound.descriptor.name, self.method.name)
        {
            return Err(error);
        }
        let inherited = self.inherit();
        let (timeout, started, deadline) = self.deadline(inherited)?;
        let partition = self.partition()?;
        let (buffer, begin) = self.encode(id, timeout)?;
        let value = &buffer[begin..];
        self.check_sizes(value.len())?;

        let Self {
            bound,
            method,
            key,
            extras,
            timing,
            ..
        } = self;
        let connection = &bound.connection;
        let awaits = if method.oneway {
            Awaits::Acknowledgement
        } else {
            Awaits::Reply {
                lane: bound.results.lane(),
            }
        };
        let timed = timing.is_some();
        let asked = timing.as_ref().is_some_and(|timing| timing.asked);
        let earliest = connection
            .registry
            .insert(id.sequence(), deadline, awaits, timed, waker.clone())
            .map_err(|refusal| not_registered(refusal, &bound, method))?;
        // Made before the command is handed over, so that not even a panic leaves the entry behind.
        let mut pending = Pending {
            bound,
            method,
            id,
            partition,
            started,
            deadline,
            timing,
            ended: false,
        };
        let connection = &pending.bound.connection;
        if earliest {
            connection.alarm.ring_by(deadline);
        }
        let record = Record {
            topic: &pending.bound.commands,
            partition,
            key: key.as_deref(),
            value,
            headers: extras.as_ref().map_or(&[], |extras| &extras.headers),
            timestamp_ms: connection.clock.wall_us_at(started).div_euclid(1_000),
            urgent: method.oneway || asked,
        };
        let in_flight = connection.registry.in_flight();
        connection.company.expect(in_flight, &connection.producer);
        if let Err(error) = connection.producer.produce(record, id.sequence()) {
            return Err(pending.withdraw(error));
        }
        if let Some(timing) = &mut pending.timing {
            timing.handed = Some(connection.clock.now());
            timing.handed_wall_us = connection.clock.wall_us();
        }
        Ok(pending)
    }

    /// The command, which is what the buffer holds from the returned place on.
    fn encode(&mut self, id: CallId, timeout: Duration) -> Result<(Vec<u8>, usize), RpcError> {
        let began = self.timing.is_some().then(Instant::now);
        let (mut buffer, room) =
            match std::mem::replace(&mut self.arguments, Ok(Payload::default())) {
                Ok(arguments) => arguments.into_framed(0),
                Err(reason) => return Err(self.refuse(format!("can't be encoded: {reason}"))),
            };
        let results = &self.bound.results;
        let command = Command {
            call_id: id,
            service: self.bound.descriptor.name,
            service_version: self.bound.descriptor.version,
            method: self.method.name,
            arguments: &[],
            reply_to: (!self.method.oneway).then(|| ReplyAddress {
                topic: results.topic(),
                partition: results.partition(),
            }),
            // Rounded up: the caller's own deadline is the exact one.
            budget_ms: u32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX),
            key: self.key.as_deref(),
            idempotency_key: self.given().idempotency_key.as_deref(),
            attempt: 1,
            fingerprint: Some(self.bound.fingerprint),
        };
        let (begin, _) = command.enclose(&mut buffer, room);
        if let (Some(timing), Some(began)) = (&mut self.timing, began) {
            timing.command = began.elapsed();
        }
        Ok((buffer, begin))
    }

    fn given(&self) -> &Extras {
        self.extras.as_deref().unwrap_or(&NO_EXTRAS)
    }

    /// A call made inside a handler ends with the handler's own deadline, which this returns, and
    /// belongs to the handler's trace.
    fn inherit(&mut self) -> Option<Instant> {
        let inherited = inherited()?;
        // Both trace headers or none: the state of one trace means nothing in another.
        let own = |name: &str| matches!(name, "traceparent" | "tracestate");
        if !inherited.trace.is_empty() && !self.given().headers.iter().any(|(name, _)| own(name)) {
            self.extras().headers.extend(inherited.trace);
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
        let given = self.given();
        match (given.partition, &self.key, &given.idempotency_key) {
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
        let Extras {
            idempotency_key,
            headers,
            ..
        } = self.given();
        let metadata: usize = headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if headers.len() > limits::MAX_METADATA_ENTRIES || metadata > limits::MAX_METADATA_BYTES {
            return Err(self.refuse(format!(
                "has {} headers of {metadata} bytes, and the limits are {} and {}",
                headers.len(),
                limits::MAX_METADATA_ENTRIES,
                limits::MAX_METADATA_BYTES
            )));
        }
        // Kafka's library hands a name over up to its first NUL, as the name of another header.
        if headers.iter().any(|(name, _)| name.contains('\0')) {
            return Err(self.refuse("has a header with a NUL in its name".to_owned()));
        }
        for key in [&self.key, idempotency_key] {
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

fn not_registered(refusal: Refusal, bound: &Bound, method: &Method) -> RpcError {
    let name = bound.name(method);
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
                bound.connection.options.max_in_flight
            ),
        ),
    }
}
