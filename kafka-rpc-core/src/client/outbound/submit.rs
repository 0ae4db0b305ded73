//! Registers an attempt of a call, and hands its command to the producer.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::call::Request;
use crate::client::connection::Attached;
use crate::client::outbound::encode;
use crate::client::outbound::sent::SentCall;
use crate::client::partitions::SentAt;
use crate::client::pending::{Awaits, Refusal};
use crate::client::timing::Timing;
use crate::transport::Record;
use crate::{Code, Method, Outcome, RpcError};

/// When an attempt is sent, and when its call began.
pub(in crate::client) struct Attempt {
    /// When the call was polled first.
    pub(in crate::client) started: Instant,
    pub(in crate::client) now: Instant,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
}

/// Sends one attempt of a call. The request is as before afterwards, and can be sent again once this
/// attempt has ended: its id names the attempt's entry in the registry.
///
/// # Errors
/// Always with the outcome `NotRun`, as far as this attempt goes.
pub(in crate::client) fn submit(
    attached: Arc<Attached>,
    request: &mut Request,
    attempt: Attempt,
    waker: &Waker,
) -> Result<SentCall, RpcError> {
    let Attempt {
        started,
        now,
        mut timing,
    } = attempt;
    let method = request.method;
    if request.deadline <= now {
        return Err(too_late(&attached, method));
    }
    let partition = encode::partition(&attached, request, now)?;
    let encoding = timing.is_some().then(Instant::now);
    let begin = encode::command(&attached, request, now)?;
    if let (Some(timing), Some(began)) = (&mut timing, encoding) {
        timing.command = began.elapsed();
    }
    let asked = timing.as_ref().is_some_and(|timing| timing.asked);
    let earliest = register(&attached, request, timing.is_some(), waker)?;
    let sent_at = if method.oneway {
        SentAt::UNTOLD
    } else {
        attached.partitions.sent(partition, now)
    };
    // Made before the command is handed over, so that not even a panic leaves the entry behind.
    let mut sent = SentCall {
        attached,
        method,
        id: request.id,
        partition,
        sent_at,
        started,
        deadline: request.deadline,
        timing,
        ended: false,
    };
    let connection = &sent.attached.connection;
    if earliest {
        connection.alarm.ring_by(request.deadline);
    }
    let record = Record {
        topic: &sent.attached.commands,
        partition,
        key: request.key.as_deref(),
        value: &request.arguments.around()[begin..],
        headers: &request.headers,
        timestamp_ms: connection.clock.wall_us_at(now).div_euclid(1_000),
        urgent: method.oneway || asked,
    };
    let in_flight = connection.registry.in_flight();
    connection.batcher.on_send(in_flight, &connection.producer);
    if let Err(error) = connection.producer.produce(record, request.id.sequence()) {
        return Err(sent.withdraw(error));
    }
    if let Some(timing) = &mut sent.timing {
        timing.handed = Some(connection.clock.now());
        timing.handed_wall_us = connection.clock.wall_us();
    }
    Ok(sent)
}

/// Makes the entry of this attempt, which ends by the call's deadline at the latest. Says whether the
/// alarm must know of that.
fn register(
    attached: &Attached,
    request: &Request,
    timed: bool,
    waker: &Waker,
) -> Result<bool, RpcError> {
    let awaits = if request.method.oneway {
        Awaits::Acknowledgement
    } else {
        Awaits::Reply {
            lane: attached.replies.number,
        }
    };
    attached
        .connection
        .registry
        .insert(
            request.id.sequence(),
            request.deadline,
            awaits,
            timed,
            waker.clone(),
        )
        .map_err(|refusal| not_registered(refusal, attached, request.method))
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
