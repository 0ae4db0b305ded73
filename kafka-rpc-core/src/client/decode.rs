//! Makes a method's result of the bytes that came back.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::codegen::decode_value;
use crate::wire::{self, CallId, Envelope, ReplyBody};
use crate::{CallError, Code, Method, Outcome, RpcError};

use super::connection::Bound;
use super::metadata::{Reply, Times};

/// Reads an answer: the outer error says why it can't be read.
pub(super) type Decode<T, E> = fn(Answer<'_>) -> Result<Result<T, E>, String>;

/// What a method answered, still encoded.
pub(super) enum Answer<'a> {
    Value(&'a [u8]),
    App(&'a [u8]),
}

/// Reads the answer of a method without an error of its own.
pub(super) fn plain<T: DeserializeOwned>(
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
pub(super) fn fallible<T: DeserializeOwned, E: DeserializeOwned>(
    answer: Answer<'_>,
) -> Result<Result<T, CallError<E>>, String> {
    match answer {
        Answer::Value(bytes) => decode_value(bytes).map(Ok),
        Answer::App(bytes) => decode_value(bytes).map(|error| Err(CallError::App(error))),
    }
}

/// Stands in for the answer of a one-way call, which has none.
pub(super) fn acknowledged(_: Answer<'_>) -> Result<Result<(), RpcError>, String> {
    Ok(Ok(()))
}

/// A call that ended with a reply, or with the acknowledgement of a one-way command.
pub(super) struct Raw {
    pub(super) id: CallId,
    pub(super) bound: Arc<Bound>,
    pub(super) method: &'static Method,
    /// The reply's envelope; none for a one-way call.
    pub(super) envelope: Option<Vec<u8>>,
    pub(super) round_trip: Duration,
}

impl Raw {
    pub(super) fn value<T, E: From<RpcError>>(self, decode: Decode<T, E>) -> Result<T, E> {
        self.reply(decode).map(|reply| reply.value)
    }

    pub(super) fn reply<T, E: From<RpcError>>(self, decode: Decode<T, E>) -> Result<Reply<T>, E> {
        let Some(envelope) = &self.envelope else {
            let value =
                decode(Answer::Value(&[])).map_err(|reason| self.bad(Outcome::Ran, &reason))??;
            return Ok(Reply {
                value,
                call_id: self.id,
                server: String::new(),
                attempt: 1,
                times: Times {
                    round_trip: self.round_trip,
                    ..Times::default()
                },
            });
        };
        let (reply, answer) = self.open(envelope)?;
        let value = decode(answer).map_err(|reason| self.bad(Outcome::Ran, &reason))??;
        Ok(Reply {
            value,
            call_id: self.id,
            server: reply.server.to_owned(),
            attempt: reply.attempt,
            times: Times {
                round_trip: self.round_trip,
                queued: Duration::from_micros(reply.times.queued_us),
                handler: Duration::from_micros(reply.times.handler_us),
            },
        })
    }

    /// The part that doesn't depend on the method's types. An envelope that can't be read may have
    /// been a refusal, so it leaves open whether the method ran.
    fn open<'a>(&self, envelope: &'a [u8]) -> Result<(wire::Reply<'a>, Answer<'a>), RpcError> {
        let reply = match wire::decode(envelope) {
            Ok(Envelope::Reply(reply)) if reply.call_id == self.id => reply,
            Ok(Envelope::Reply(_)) => {
                return Err(self.bad(Outcome::Unknown, "its key and its call id differ"));
            }
            Ok(_) => return Err(self.bad(Outcome::Unknown, "it is no reply")),
            Err(malformed) => return Err(self.bad(Outcome::Unknown, &malformed.reason)),
        };
        let answer = match &reply.body {
            ReplyBody::Value(bytes) => Answer::Value(bytes),
            ReplyBody::App(bytes) => Answer::App(bytes),
            ReplyBody::Error {
                code,
                outcome,
                message,
                retry_after_ms,
            } => {
                let mut error = RpcError::new(*code, *outcome, *message).from_server(reply.server);
                if let Some(pause) = retry_after_ms {
                    error = error.with_retry_after(Duration::from_millis((*pause).into()));
                }
                return Err(error);
            }
        };
        Ok((reply, answer))
    }

    fn bad(&self, outcome: Outcome, reason: &str) -> RpcError {
        RpcError::new(
            Code::BadReply,
            outcome,
            format!(
                "the reply to {} on topic `{}` can't be decoded: {reason}; compare the \
                 versions of client and server",
                self.bound.name(self.method),
                self.bound.results.topic(),
            ),
        )
    }
}
