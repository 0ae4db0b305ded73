//! Registers an attempt of a call, and hands its command to the producer.

use std::task::{Poll, Waker};
use std::time::Instant;

use crate::call::{Request, Response};
use crate::client::connection::Attached;
use crate::client::outbound::sent::SentCall;
use crate::client::outbound::{encode, probe};
use crate::client::partitions::SentAt;
use crate::client::pending::{Awaits, Refusal};
use crate::transport::Record;
use crate::{Code, Method, Outcome, RpcError};

impl SentCall {
    /// Sends the command for the first time, or first asks for the clock of the server that is to judge it.
    ///
    /// # Errors
    /// Always with the outcome `NotRun`, as far as this attempt goes. The call has ended then.
    pub(in crate::client) fn begin(&mut self, now: Instant, waker: &Waker) -> Result<(), RpcError> {
        self.choose(now).inspect_err(|_| self.ended = true)?;
        if self.request.method.oneway {
            self.probe = probe::begin(self, now, waker);
        }
        if self.probe.is_some() {
            return Ok(());
        }
        self.send(now, waker)
    }

    /// Chooses where a call goes that has time left.
    fn choose(&mut self, now: Instant) -> Result<(), RpcError> {
        if self.request.deadline <= now {
            return Err(too_late(&self.attached, self.request.method));
        }
        self.partition = encode::partition(&self.attached, &self.request, now)?;
        Ok(())
    }

    /// Sends the command, for the first time or once more.
    ///
    /// # Errors
    /// As with [`begin`](Self::begin).
    pub(super) fn send(&mut self, now: Instant, waker: &Waker) -> Result<(), RpcError> {
        let sent = self.try_send(now, waker);
        self.ended |= sent.is_err();
        sent
    }

    /// Waits for the end of the attempt that is under way, whose entry is gone; ends with `refusal` where it
    /// can't have another one.
    #[cold]
    pub(super) fn wait_on(
        &mut self,
        refusal: RpcError,
        waker: &Waker,
    ) -> Poll<Result<Response, RpcError>> {
        let (request, timed) = (&self.request, self.timing.is_some());
        if register(&self.attached, request, timed, self.resent, waker).is_err() {
            return Poll::Ready(Err(refusal));
        }
        self.sent_at = SentAt::UNTOLD;
        self.ended = false;
        Poll::Pending
    }

    fn try_send(&mut self, now: Instant, waker: &Waker) -> Result<(), RpcError> {
        let started = self.started();
        let Self {
            attached,
            request,
            timing,
            ..
        } = self;
        if request.deadline <= now {
            return Err(too_late(attached, request.method));
        }
        let connection = &attached.connection;
        let wall_us = connection.clock.wall_us_at(now);
        let times = (started, now);
        let (stamp, sent) =
            attached
                .clocks
                .stamp(self.partition, times, wall_us, &*connection.clock);
        self.stamp = stamp;
        let encoding = timing.is_some().then(Instant::now);
        let begin = encode::command(attached, request, now, sent)?;
        if let (Some(timing), Some(began)) = (&mut *timing, encoding) {
            timing.command = began.elapsed();
        }
        let asked = timing.as_ref().is_some_and(|timing| timing.asked);
        // The entry is gone when this is dropped, so that not even a panic leaves it behind.
        register(attached, request, timing.is_some(), self.resent, waker)?;
        self.sent_at = if request.method.oneway {
            SentAt::UNTOLD
        } else {
            attached.partitions.sent(self.partition, now)
        };
        let record = Record {
            topic: &attached.commands,
            partition: self.partition,
            key: request.key.as_deref(),
            value: &request.arguments.around()[begin..],
            headers: &request.headers,
            timestamp_ms: wall_us.div_euclid(1_000),
            urgent: request.method.oneway || asked,
        };
        let in_flight = connection.registry.in_flight();
        connection.batcher.on_send(in_flight, &connection.producer);
        if let Err(error) = connection.producer.produce(record, request.id.sequence()) {
            return Err(self.withdraw(error));
        }
        if let Some(timing) = timing {
            timing.handed = Some(connection.clock.now());
            timing.handed_wall_us = connection.clock.wall_us();
        }
        Ok(())
    }
}

/// Makes the entry of this attempt, which ends by the call's deadline at the latest; or once more, for one
/// that had it.
fn register(
    attached: &Attached,
    request: &Request,
    timed: bool,
    resent: bool,
    waker: &Waker,
) -> Result<(), RpcError> {
    let awaits = if request.method.oneway {
        Awaits::Acknowledgement
    } else {
        Awaits::Reply {
            lane: attached.replies.number,
        }
    };
    let registry = &attached.connection.registry;
    let (sequence, deadline) = (request.id.sequence(), request.deadline);
    let entered = if resent {
        registry.renew(sequence, deadline, awaits, timed, waker.clone())
    } else {
        registry.insert(sequence, deadline, awaits, timed, waker.clone())
    };
    if entered.map_err(|refusal| not_registered(refusal, attached, request.method))? {
        attached.connection.alarm.ring_by(deadline);
    }
    Ok(())
}

#[cold]
fn too_late(attached: &Attached, method: &Method) -> RpcError {
    RpcError::new(
        Code::DeadlineExceeded,
        Outcome::NotRun,
        format!(
            "the deadline of {} had passed before it was sent; give it, or the call that makes it, \
             more time",
            attached.name(method)
        ),
    )
}

#[cold]
fn not_registered(refusal: Refusal, attached: &Attached, method: &Method) -> RpcError {
    let name = attached.name(method);
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
                attached.connection.options.max_in_flight
            ),
        ),
    }
}
