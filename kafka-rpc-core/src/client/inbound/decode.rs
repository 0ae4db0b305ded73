//! Makes a method's result of the bytes that came back.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::wire::decode_value;
use crate::wire::{self, Envelope, ReplyBody};
use crate::{CallError, Code, Outcome, RpcError};

use crate::client::call::metadata::Reply;
use crate::client::call::sent::Pending;
use crate::client::call::timing::{Moments, Timing};
use crate::client::pending::Arrival;

/// Reads an answer: the outer error says why it can't be read.
pub(in crate::client) type Decode<T, E> = fn(Answer<'_>) -> Result<Result<T, E>, String>;

/// What a method answered, still encoded.
pub(in crate::client) enum Answer<'a> {
    Value(&'a [u8]),
    App(&'a [u8]),
}

/// Reads the answer of a method without an error of its own.
pub(in crate::client) fn plain<T: DeserializeOwned + 'static>(
    answer: Answer<'_>,
) -> Result<Result<T, RpcError>, String> {
    match answer {
        Answer::Value(bytes) => decode_value(bytes).map(Ok),
        Answer::App(_) => Err(
            "it is an application error, and the method declares none: client and server have \
             different versions of the service"
                .to_owned(),
        ),
    }
}

/// Reads the answer of a method with an error of its own.
pub(in crate::client) fn fallible<T: DeserializeOwned + 'static, E: DeserializeOwned + 'static>(
    answer: Answer<'_>,
) -> Result<Result<T, CallError<E>>, String> {
    match answer {
        Answer::Value(bytes) => decode_value(bytes).map(Ok),
        Answer::App(bytes) => decode_value(bytes).map(|error| Err(CallError::App(error))),
    }
}

/// Stands in for the answer of a one-way call, which has none.
pub(in crate::client) fn acknowledged(_: Answer<'_>) -> Result<Result<(), RpcError>, String> {
    Ok(Ok(()))
}

/// How a call ended that didn't fail before it was answered.
pub(in crate::client) struct Answered {
    /// The reply's envelope; none for a one-way call.
    pub(in crate::client) envelope: Option<Box<[u8]>>,
    /// Only of a call that is timed, and not of a one-way call.
    pub(in crate::client) arrival: Option<Box<Arrival>>,
}

impl Answered {
    pub(in crate::client) fn value<T, E: From<RpcError>>(
        self,
        call: &Pending,
        decode: Decode<T, E>,
    ) -> Result<T, E> {
        if call.timing.is_some() {
            return self.reply(call, decode).map(|reply| reply.value);
        }
        let reply = self.open(call)?;
        read(call, reply.as_ref(), decode)?
    }

    pub(in crate::client) fn reply<T, E: From<RpcError>>(
        self,
        call: &Pending,
        decode: Decode<T, E>,
    ) -> Result<Reply<T>, E> {
        let connection = &call.bound.connection;
        let found = connection.clock.now();
        let began = Instant::now();
        let reply = self.open(call)?;
        let value = read(call, reply.as_ref(), decode)?;
        let decoded = began.elapsed();
        // None if its times were asked for too late.
        let untimed = Timing::default();
        let timing = call.timing.as_deref().unwrap_or(&untimed);
        let (arrived, acknowledged) = match &self.arrival {
            Some(arrival) => (arrival.at, arrival.acknowledged.filter(|_| timing.asked)),
            // What a one-way call waits for is the acknowledgement.
            None => (found, self.envelope.is_none().then_some(found)),
        };
        let moments = Moments {
            started: call.started,
            acknowledged,
            arrived,
            found,
        };
        let mut times = timing.times(moments, reply.as_ref().map(|reply| reply.times));
        if reply.is_some() {
            times.decode = decoded;
        }
        if reply.is_some() && call.timing.is_some() {
            connection.registry.timed(call.id.sequence(), &times);
        }
        Ok(Reply {
            value: value?,
            call_id: call.id,
            server: reply.as_ref().map_or("", |reply| reply.server).to_owned(),
            attempt: reply.as_ref().map_or(1, |reply| reply.attempt),
            times,
        })
    }

    /// The reply, if one is awaited. One that can't be read may have been a refusal, so it leaves
    /// open whether the method ran.
    fn open(&self, call: &Pending) -> Result<Option<wire::Reply<'_>>, RpcError> {
        let Some(envelope) = &self.envelope else {
            return Ok(None);
        };
        match wire::decode(envelope) {
            Ok(Envelope::Reply(reply)) if reply.call_id == call.id => Ok(Some(reply)),
            Ok(Envelope::Reply(_)) => Err(bad(
                call,
                Outcome::Unknown,
                "its key and its call id differ",
            )),
            Ok(_) => Err(bad(call, Outcome::Unknown, "it is no reply")),
            Err(malformed) => Err(bad(call, Outcome::Unknown, &malformed.reason)),
        }
    }
}

/// What the method returned; the outer error says why that can't be read.
fn read<T, E>(
    call: &Pending,
    reply: Option<&wire::Reply<'_>>,
    decode: Decode<T, E>,
) -> Result<Result<T, E>, RpcError> {
    decode(answer(reply)?).map_err(|reason| bad(call, Outcome::Ran, &reason))
}

/// What the method answered, or the error that the server answered in its place.
fn answer<'a>(reply: Option<&wire::Reply<'a>>) -> Result<Answer<'a>, RpcError> {
    match reply.map(|reply| (&reply.body, reply.server)) {
        // Of a one-way call.
        None => Ok(Answer::Value(&[])),
        Some((ReplyBody::Value(bytes), _)) => Ok(Answer::Value(bytes)),
        Some((ReplyBody::App(bytes), _)) => Ok(Answer::App(bytes)),
        Some((
            ReplyBody::Error {
                code,
                outcome,
                message,
                retry_after_ms,
            },
            server,
        )) => {
            let mut error = RpcError::new(*code, *outcome, *message).from_server(server);
            if let Some(pause) = retry_after_ms {
                error = error.with_retry_after(Duration::from_millis((*pause).into()));
            }
            Err(error)
        }
    }
}

#[cold]
fn bad(call: &Pending, outcome: Outcome, reason: &str) -> RpcError {
    RpcError::new(
        Code::BadReply,
        outcome,
        format!(
            "the reply to {} on topic `{}` can't be decoded: {reason}; compare the versions of \
             client and server",
            call.bound.name(call.method),
            call.bound.results.topic(),
        ),
    )
}
