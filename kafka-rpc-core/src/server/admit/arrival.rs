//! A command as it was read, with what is known of its record.

use std::time::Instant;

use crate::server::complete::offsets::RecordRef;
use crate::server::schedule::Lane;
use crate::transport::Headers;
use crate::wire::Command;
use crate::wire::limits::{MAX_METADATA_BYTES, MAX_METADATA_ENTRIES};

/// A reply bears its command's timestamp if that is so far from the server's clock: a broker refuses
/// what a server whose clock is far ahead would write.
const SAME_CLOCK_MS: u64 = 60_000;

/// A command, with what is known of its record.
pub(crate) struct Arrival<'a> {
    pub(crate) record: RecordRef,
    pub(crate) command: &'a Command<'a>,
    /// The whole record value.
    pub(crate) value: &'a [u8],
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) timestamp_ms: i64,
    pub(crate) read_at: Instant,
    /// It has waited for the look-up of its reply topic.
    pub(crate) looked_up: bool,
    /// What it occupies: it ran on a former owner.
    pub(crate) lane: Option<Lane>,
}

impl Arrival<'_> {
    /// The bytes that it takes as long as it waits.
    pub(crate) fn size(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        self.command.arguments.len() + self.command.key.map_or(0, <[u8]>::len) + headers
    }
}

/// The timestamp of the reply to a command with this one, which is read now.
pub(crate) const fn reply_ms(command_ms: i64, now_ms: i64) -> i64 {
    if command_ms > 0 && now_ms.abs_diff(command_ms) > SAME_CLOCK_MS {
        command_ms
    } else {
        now_ms
    }
}

/// A command's headers, as many as the limits allow.
pub(crate) fn collect(headers: &dyn Headers) -> Vec<(String, Vec<u8>)> {
    let mut collected = Vec::new();
    let mut bytes = 0;
    headers.each(&mut |name, value| {
        bytes += name.len() + value.len();
        if collected.len() < MAX_METADATA_ENTRIES && bytes <= MAX_METADATA_BYTES {
            collected.push((name.to_owned(), value.to_vec()));
        }
    });
    collected
}
