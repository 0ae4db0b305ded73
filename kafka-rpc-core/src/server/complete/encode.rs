//! Replies as they are sent: a method's answer, or why there is none, with an outcome that is true.

use crate::call::Response;
use crate::wire::limits::MAX_ENVELOPE_BYTES;
use crate::wire::{self, CallId, Envelope, Reply, ReplyBody, StageTimes};
use crate::{Code, Outcome};

/// Whether a command that wasn't run by this server may have been run at all.
///
/// Kafka doesn't tell a redelivery. Only a record that was appended after this member got the partition
/// was certainly never handed to an earlier owner.
pub(crate) const fn not_started(first_delivery: bool) -> Outcome {
    if first_delivery {
        Outcome::NotRun
    } else {
        Outcome::Unknown
    }
}

/// The fields that all replies of one call share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyHeader<'a> {
    pub(crate) call_id: CallId,
    pub(crate) server: &'a str,
    pub(crate) times: StageTimes,
    pub(crate) attempt: u32,
}

impl<'a> ReplyHeader<'a> {
    fn with(self, body: ReplyBody<'a>) -> Reply<'a> {
        Reply {
            call_id: self.call_id,
            body,
            server: self.server,
            times: self.times,
            attempt: self.attempt,
        }
    }

    /// Encodes a reply around the method's answer. `Err` is what to send instead of one that is too
    /// large.
    pub(crate) fn answer(self, response: Response) -> Result<Vec<u8>, Vec<u8>> {
        let body = if response.is_error {
            ReplyBody::App(&[])
        } else {
            ReplyBody::Value(&[])
        };
        let mut value = response.payload.into_vec();
        self.with(body).enclose(&mut value);
        if value.len() > MAX_ENVELOPE_BYTES {
            return Err(self.too_large(value.len()));
        }
        Ok(value)
    }

    /// Encodes a reply that says why there is no answer. It is small, since its message is cut.
    pub(crate) fn error(
        self,
        code: Code,
        outcome: Outcome,
        message: &str,
        retry_after_ms: Option<u32>,
    ) -> Vec<u8> {
        let mut value = Vec::new();
        self.with(ReplyBody::Error {
            code,
            outcome,
            message,
            retry_after_ms,
        })
        .encode(&mut value);
        value
    }

    fn too_large(self, size: usize) -> Vec<u8> {
        let message = format!(
            "the reply has {size} bytes; the limit is {MAX_ENVELOPE_BYTES}, or less where the \
             broker's is: return less, or page through it"
        );
        self.error(Code::ReplyTooLarge, Outcome::Ran, &message, None)
    }
}

/// What to send instead of a reply that the broker finds too large; `None` if it is an error
/// already.
pub(crate) fn instead_of(value: &[u8]) -> Option<Vec<u8>> {
    match wire::decode(value) {
        Ok(Envelope::Reply(Reply {
            call_id,
            body: ReplyBody::Value(_) | ReplyBody::App(_),
            server,
            times,
            attempt,
        })) => {
            let header = ReplyHeader {
                call_id,
                server,
                times,
                attempt,
            };
            Some(header.too_large(value.len()))
        }
        _ => None,
    }
}
