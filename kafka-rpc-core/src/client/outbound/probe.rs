//! Asks a server for its clock, and for nothing else. A one-way call is never answered, so it would be
//! dropped in silence if its server took it for an old one; and what an answer tells that was long on
//! its way isn't exact enough.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::Method;
use crate::call::{Extensions, Payload, Request};
use crate::client::outbound::sent::SentCall;
use crate::wire::limits::CLOCK_METHOD;

/// How long a call waits for the answer.
const PATIENCE: Duration = Duration::from_millis(250);

static PROBE: Method = Method::new(CLOCK_METHOD);

/// Whether a call is a probe. Whatever it is answered, that tells the clock.
pub(super) fn is_one(call: &SentCall) -> bool {
    call.request.method.name == CLOCK_METHOD
}

/// A probe that goes where the call is to go; `None` if the clock is known there, or isn't told.
pub(super) fn begin(call: &SentCall, now: Instant, waker: &Waker) -> Option<Box<SentCall>> {
    let attached = &call.attached;
    if !attached.clocks.wants_probe(call.partition, now) {
        return None;
    }
    let request = Request {
        id: attached.connection.next_id(),
        service: call.request.service,
        method: &PROBE,
        // No arguments.
        arguments: Payload::from(vec![0x80]),
        key: None,
        headers: Vec::new(),
        deadline: call.request.deadline.min(now + PATIENCE),
        attempt: 1,
        extensions: Extensions::default(),
    };
    let attached = Arc::clone(attached);
    let mut probe = Box::new(SentCall::new(attached, request, now, None));
    probe.partition = call.partition;
    // Without it the call goes at once.
    probe.send(now, waker).ok()?;
    Some(probe)
}
