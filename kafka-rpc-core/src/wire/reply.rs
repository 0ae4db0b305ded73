//! The kind that travels from server to client.

use std::fmt;

use crate::wire::elements::Elements;
use crate::wire::fault::Fault;
use crate::wire::head::{REPLY, begin};
use crate::wire::limits::{MAX_MESSAGE_BYTES, MAX_SERVER_BYTES};
use crate::wire::{CallId, write};
use crate::{Code, Outcome};

/// The status of a value; the numbers besides these two are those of [`Code`].
const VALUE: u64 = 0;
/// The status of the method's own error.
const APP: u64 = 100;

/// Answers a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The call that is answered; also the record's key.
    pub call_id: CallId,
    /// How the call ended.
    pub body: ReplyBody<'a>,
    /// The id of the server that answers; empty if it has none.
    pub server: &'a str,
    /// Where the time went on the server.
    pub times: StageTimes,
    /// Which attempt is answered, from 1.
    pub attempt: u32,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ReplyBody<'a> {
    /// The method's value: a MessagePack document of its own, which has not been looked at.
    Value(&'a [u8]),
    /// The method's own error, as a document likewise.
    App(&'a [u8]),
    /// The server's reason why there is neither.
    Error {
        /// Why. A number that this version doesn't know reads as [`Code::Internal`].
        code: Code,
        /// Whether the method ran.
        outcome: Outcome,
        /// What happened, to be shown to the caller.
        message: &'a str,
        /// How long to wait before another attempt, in milliseconds.
        retry_after_ms: Option<u32>,
    },
}

/// Where the time of a call went on the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// From the reading of the command to the start of the handler, in microseconds.
    pub queued_us: u64,
    /// The handler's own run, in microseconds; 0 if none started.
    pub handler_us: u64,
    /// The server's clock at the reading of the command, in microseconds since the Unix epoch; `None`
    /// if the server doesn't tell.
    pub read_at_us: Option<u64>,
    /// Which clock that is: a number of the server's, drawn at its start. `None` if nobody can be told
    /// when a command was sent by it.
    pub clock: Option<u64>,
}

impl<'a> Reply<'a> {
    #[inline]
    pub(super) fn read(elements: &mut Elements<'a>) -> Result<Self, Fault> {
        let call_id = elements.call_id("call id")?;
        let status = elements.u64("status")?;
        let outcome = Outcome::from_number(elements.u64("outcome")?);
        // What an error has in this place doesn't matter.
        let payload = elements.bin_or_other("payload")?;
        let payload = || payload.or_else(|other| other.bin(usize::MAX));
        let text = |elements: &mut Elements<'a>, name| elements.str(name, usize::MAX);
        let message = elements.optional("message", text)?.unwrap_or_default();
        let retry_after_ms = elements.optional("retry after", Elements::u32)?;
        let server = elements.optional("server", text)?.unwrap_or_default();
        let [queued_us, handler_us, read_at_us, clock] = elements
            .optional("stage times", Elements::numbers)?
            .unwrap_or_default();
        let attempt = elements.ordinal("attempt")?;
        Ok(Self {
            call_id,
            body: match status {
                VALUE => ReplyBody::Value(payload()?),
                APP => ReplyBody::App(payload()?),
                number => ReplyBody::Error {
                    code: Code::from_number(number).unwrap_or(Code::Internal),
                    outcome,
                    message,
                    retry_after_ms,
                },
            },
            server,
            times: StageTimes {
                queued_us,
                handler_us,
                read_at_us: Some(read_at_us).filter(|at| *at != 0),
                clock: Some(clock).filter(|clock| *clock != 0),
            },
            attempt,
        })
    }

    /// Appends the record value to `out`. A message or server id beyond its limit is cut; the
    /// payload's size is not checked here.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (status, outcome) = self.ending();
        let (payload, message, pause) = match self.body {
            ReplyBody::Value(payload) | ReplyBody::App(payload) => (Some(payload), None, None),
            ReplyBody::Error {
                message,
                retry_after_ms,
                ..
            } => (None, Some(message), retry_after_ms),
        };
        out.reserve(96 + self.server.len() + payload.map_or(0, <[u8]>::len));
        self.head(status, outcome, out);
        write::optional(out, payload, write::bin);
        self.tail(message, pause, out);
    }

    /// Encodes around a payload that is all that is in `buffer`, instead of the one in `self.body`, which
    /// only says whose it is. An error has none.
    pub(crate) fn enclose(&self, buffer: &mut Vec<u8>) {
        let (status, outcome) = self.ending();
        let payload = buffer.len();
        self.head(status, outcome, buffer);
        write::bin_head(buffer, payload);
        let head = buffer.len() - payload;
        buffer.rotate_right(head);
        self.tail(None, None, buffer);
    }

    fn ending(&self) -> (u64, Outcome) {
        match self.body {
            ReplyBody::Value(_) => (VALUE, Outcome::Ran),
            ReplyBody::App(_) => (APP, Outcome::Ran),
            ReplyBody::Error { code, outcome, .. } => (u64::from(code.number()), outcome),
        }
    }

    /// What comes before the payload.
    fn head(&self, status: u64, outcome: Outcome, out: &mut Vec<u8>) {
        begin(out, 12, REPLY, self.call_id);
        write::uint(out, status);
        write::uint(out, outcome.number());
    }

    /// What comes after it.
    fn tail(&self, message: Option<&str>, pause: Option<u32>, out: &mut Vec<u8>) {
        write::optional(out, message, |out, message| {
            write::str(out, cut(message, MAX_MESSAGE_BYTES));
        });
        write::optional(out, pause, write::uint);
        write::str(out, cut(self.server, MAX_SERVER_BYTES));
        let StageTimes {
            queued_us,
            handler_us,
            read_at_us,
            clock,
        } = self.times;
        let (at, clock) = (read_at_us.unwrap_or(0), clock.unwrap_or(0));
        let times = [queued_us, handler_us, at, clock];
        // The last ones are left out where they aren't told.
        let count = if clock != 0 { 4 } else { 2 + u8::from(at != 0) };
        write::array(out, count);
        for time in &times[..usize::from(count)] {
            write::uint(out, *time);
        }
        write::uint(out, self.attempt);
    }
}

/// As much of `text` as fits into `max` bytes.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

impl fmt::Debug for ReplyBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        match self {
            Self::Value(payload) => write!(f, "Value({} bytes)", payload.len()),
            Self::App(payload) => write!(f, "App({} bytes)", payload.len()),
            Self::Error {
                code,
                outcome,
                message,
                retry_after_ms,
            } => f
                .debug_struct("Error")
                .field("code", code)
                .field("outcome", outcome)
                .field("message", message)
                .field("retry_after_ms", retry_after_ms)
                .finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Envelope, decode};

    #[test]
    fn a_payload_is_enclosed_as_it_is_encoded() {
        for length in [0, 1, 31, 255, 256, 70_000] {
            let payload = vec![7; length];
            for body in [ReplyBody::Value(&payload), ReplyBody::App(&payload)] {
                let reply = Reply {
                    call_id: CallId::new([1; 8], 2),
                    body,
                    server: "host-1",
                    times: StageTimes {
                        queued_us: 1,
                        handler_us: 300,
                        read_at_us: Some(1_700_000_000_000_000),
                        clock: Some(7),
                    },
                    attempt: 1,
                };
                let mut encoded = Vec::new();
                reply.encode(&mut encoded);
                let mut enclosed = payload.clone();
                reply.enclose(&mut enclosed);
                assert_eq!(enclosed, encoded);
            }
        }
    }

    #[test]
    fn a_long_message_and_server_are_cut_between_characters() {
        // Two bytes each, so that the limit falls within one of them.
        let long = format!("x{}", "ß".repeat(MAX_MESSAGE_BYTES));
        let mut out = Vec::new();
        Reply {
            call_id: CallId::new([1; 8], 1),
            body: ReplyBody::Error {
                code: Code::Internal,
                outcome: Outcome::Unknown,
                message: &long,
                retry_after_ms: None,
            },
            server: &long,
            times: StageTimes::default(),
            attempt: 1,
        }
        .encode(&mut out);
        let Ok(Envelope::Reply(reply)) = decode(&out) else {
            panic!("the reply can't be read back");
        };
        let ReplyBody::Error { message, .. } = reply.body else {
            panic!("the reply is no error");
        };
        assert_eq!(message, &long[..MAX_MESSAGE_BYTES - 1]);
        assert_eq!(reply.server, &long[..MAX_SERVER_BYTES - 1]);
    }

    #[test]
    fn debug_hides_payloads() {
        let shown = format!("{:?}", ReplyBody::Value(b"secret"));
        assert_eq!(shown, "Value(6 bytes)");
    }
}
