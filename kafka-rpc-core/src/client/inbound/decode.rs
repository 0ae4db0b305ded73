//! From the bytes of a reply to a response, and from a response to what the method returned.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::call::{Extensions, Payload, Response, Served};
use crate::client::connection::Attached;
use crate::client::metadata::Reply;
use crate::client::timing::{Moments, Timing};
use crate::wire::{self, CallId, Envelope, ReplyBody, StageTimes, decode_value};
use crate::{CallError, Code, Method, Outcome, RpcError};

/// Reads a method's answer: the outer error says why it can't be read.
pub(in crate::client) type Decode<T, E> = fn(&Response) -> Result<Result<T, E>, String>;

/// Reads the answer of a method without an error of its own.
pub(in crate::client) fn plain<T: DeserializeOwned + 'static>(
    response: &Response,
) -> Result<Result<T, RpcError>, String> {
    if response.is_error {
        return Err(
            "it is an application error, and the method declares none: client and server have \
             different versions of the service"
                .to_owned(),
        );
    }
    decode_value(response.payload.as_slice()).map(Ok)
}

/// Reads the answer of a method with an error of its own.
pub(in crate::client) fn fallible<T: DeserializeOwned + 'static, E: DeserializeOwned + 'static>(
    response: &Response,
) -> Result<Result<T, CallError<E>>, String> {
    let bytes = response.payload.as_slice();
    if response.is_error {
        decode_value(bytes).map(|error| Err(CallError::App(error)))
    } else {
        decode_value(bytes).map(Ok)
    }
}

/// Stands in for the answer of a one-way call, which has none.
pub(in crate::client) fn acknowledged(_: &Response) -> Result<Result<(), RpcError>, String> {
    Ok(Ok(()))
}

/// What a server answered in place of a response, or why that can't be read.
pub(in crate::client) struct Refused {
    pub(in crate::client) error: RpcError,
    /// The times of the attempt that it answers, if it could be read.
    pub(in crate::client) told: Option<(StageTimes, u32)>,
}

impl Refused {
    /// It tells the server's clock and nothing else: the command seemed to be of another time.
    pub(in crate::client) fn is_clock_alone(&self) -> bool {
        self.told.is_some() && self.error.code() == Code::DeadlineExceeded
    }
}

/// The response that a reply's envelope holds, or the error that the server answered in its place.
///
/// One that can't be read may have been a refusal, so it leaves open whether the method ran.
pub(in crate::client) fn response(
    attached: &Attached,
    method: &Method,
    id: CallId,
    envelope: Box<[u8]>,
) -> Result<Response, Refused> {
    let bad = |reason: &str| Refused {
        error: bad(attached, method, Outcome::Unknown, reason),
        told: None,
    };
    let reply = match wire::decode(&envelope) {
        Ok(Envelope::Reply(reply)) if reply.call_id == id => reply,
        Ok(Envelope::Reply(_)) => return Err(bad("its key and its call id differ")),
        Ok(_) => return Err(bad("it is no reply")),
        Err(malformed) => return Err(bad(&malformed.reason)),
    };
    let (value, is_error) = match reply.body {
        ReplyBody::Value(bytes) => (bytes, false),
        ReplyBody::App(bytes) => (bytes, true),
        ReplyBody::Error { .. } => {
            return Err(Refused {
                error: refusal(&reply),
                told: Some((reply.times, reply.attempt)),
            });
        }
    };
    let payload = place(&envelope, value);
    let served = Served {
        server: place(&envelope, reply.server.as_bytes()),
        times: reply.times,
        attempt: reply.attempt,
    };
    Ok(Response {
        // The envelope becomes the payload's; nothing is copied.
        payload: Payload::within(envelope.into_vec(), payload),
        is_error,
        served: Some(served),
        extensions: Extensions::default(),
    })
}

/// The response to a one-way call whose command is in the log.
pub(in crate::client) fn acknowledgement() -> Response {
    Response {
        payload: Payload::default(),
        is_error: false,
        served: None,
        extensions: Extensions::default(),
    }
}

/// A response, and what is known of the call that it answers.
pub(in crate::client) struct Answered<'a> {
    pub(in crate::client) response: Response,
    pub(in crate::client) attached: &'a Attached,
    pub(in crate::client) method: &'static Method,
    pub(in crate::client) id: CallId,
    /// When the call was polled first.
    pub(in crate::client) started: Instant,
    /// Only of a call that is timed and has no layers: they hand it on with the response.
    pub(in crate::client) timing: Option<&'a Timing>,
}

impl Answered<'_> {
    /// What the method returned.
    pub(in crate::client) fn value<T, E: From<RpcError>>(
        self,
        decode: Decode<T, E>,
    ) -> Result<T, E> {
        if self.timing().is_some() {
            return self.reply(decode).map(|reply| reply.value);
        }
        self.read(decode)?
    }

    /// The same together with how it came about.
    pub(in crate::client) fn reply<T, E: From<RpcError>>(
        self,
        decode: Decode<T, E>,
    ) -> Result<Reply<T>, E> {
        let began = Instant::now();
        let value = self.read(decode)?;
        let decoded = began.elapsed();
        // None if its times were asked for too late.
        let untimed = Timing::default();
        let timed = self.timing();
        let timing = timed.unwrap_or(&untimed);
        let connection = &self.attached.connection;
        let moments = timing.moments.unwrap_or_else(|| {
            let found = connection.clock.now();
            Moments {
                started: self.started,
                acknowledged: self.method.oneway.then_some(found),
                arrived: found,
                found,
            }
        });
        let served = self.response.served.as_ref();
        let mut times = timing.times(moments, served.map(|served| served.times));
        if served.is_some() {
            times.decode = timing.reply + decoded;
            if timed.is_some() {
                connection.registry.timed(self.id.sequence(), &times);
            }
        }
        Ok(Reply {
            value: value?,
            call_id: self.id,
            server: self.response.server().to_owned(),
            attempt: served.map_or(1, |served| served.attempt),
            times,
        })
    }

    fn timing(&self) -> Option<&Timing> {
        self.timing.or_else(|| self.response.extensions.get())
    }

    /// What the method returned, its own error included. One that can't be read was returned all the
    /// same.
    fn read<T, E>(&self, decode: Decode<T, E>) -> Result<Result<T, E>, RpcError> {
        decode(&self.response)
            .map_err(|reason| bad(self.attached, self.method, Outcome::Ran, &reason))
    }
}

/// The error that a server answered.
#[cold]
fn refusal(reply: &wire::Reply<'_>) -> RpcError {
    let ReplyBody::Error {
        code,
        outcome,
        message,
        retry_after_ms,
    } = reply.body
    else {
        unreachable!("only an error is no value");
    };
    let error = RpcError::new(code, outcome, message).from_server(reply.server);
    match retry_after_ms {
        Some(pause) => error.with_retry_after(Duration::from_millis(pause.into())),
        None => error,
    }
}

/// Where `part` lies in the bytes that it borrows from.
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    if part.is_empty() {
        // It may be none of them.
        return 0..0;
    }
    let begin = part.as_ptr().addr() - whole.as_ptr().addr();
    begin..begin + part.len()
}

/// The error of a call whose reply can't be read.
#[cold]
pub(in crate::client) fn bad(
    attached: &Attached,
    method: &Method,
    outcome: Outcome,
    reason: &str,
) -> RpcError {
    RpcError::new(
        Code::BadReply,
        outcome,
        format!(
            "the reply to {} on topic `{}` can't be decoded: {reason}; compare the versions of \
             client and server",
            attached.name(method),
            attached.replies.topic,
        ),
    )
}
