//! Refuses commands that can't be run, and tells their callers why wherever a reply may go.

use std::time::{Duration, Instant};

use crate::Code;
use crate::server::complete::encode::{self, ReplyHeader};
use crate::server::complete::origin::Address;
use crate::server::complete::{Completion, Reply};
use crate::wire::{CallId, StageTimes};

/// How long a reply is worth sending to a caller whose deadline isn't known.
pub(crate) const UNKNOWN_DEADLINE: Duration = Duration::from_secs(10);

/// How long a caller is asked to wait before it tries a full server again.
pub(crate) const RETRY_AFTER_MS: u32 = 250;

/// Why a command isn't run, as its caller is told.
pub(crate) struct Refusal<'a> {
    pub(crate) call_id: CallId,
    pub(crate) attempt: u32,
    pub(crate) code: Code,
    pub(crate) message: &'a str,
    pub(crate) retry_after_ms: Option<u32>,
    /// When it was read; it has no other times.
    pub(crate) times: StageTimes,
    /// Nobody waits for it after this.
    pub(crate) give_up: Instant,
}

impl Refusal<'_> {
    /// What ends the command. `first_delivery`: its record was certainly never handed to an earlier
    /// owner, so that it certainly hasn't run.
    pub(crate) fn completion(
        &self,
        server: &str,
        reply_to: Option<Address>,
        first_delivery: bool,
    ) -> Completion {
        Completion::Refused(reply_to.map(|address| {
            let header = ReplyHeader {
                call_id: self.call_id,
                server,
                times: self.times,
                attempt: self.attempt,
            };
            let outcome = encode::not_started(first_delivery);
            Reply {
                call_id: self.call_id,
                address,
                value: header.error(self.code, outcome, self.message, self.retry_after_ms),
                give_up: self.give_up,
            }
        }))
    }
}
