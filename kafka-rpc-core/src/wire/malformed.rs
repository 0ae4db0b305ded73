//! What is left of a record value that isn't a readable envelope.

use std::fmt;

use super::elements::Elements;
use super::fault::Fault;
use super::head::{CANCEL, HAND_OVER, REPLY};
use super::{CallId, ReplyAddress};
use crate::Code;

/// A record value that can't be read, with what a server needs in order to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed<'a> {
    /// `Unimplemented` for a version, kind or critical flag that this version doesn't know, else
    /// `InvalidArgument`.
    pub code: Code,
    /// What is wrong, naming the element and never its content.
    pub reason: String,
    /// The call's id, if it could still be read.
    pub call_id: Option<CallId>,
    /// Where an answer is awaited, if that could still be read; always `None` for a reply, a
    /// cancel or a hand-over.
    pub reply_to: Option<ReplyAddress<'a>>,
}

impl<'a> Malformed<'a> {
    pub(super) fn new(value: &'a [u8], fault: Fault) -> Self {
        let (call_id, reply_to) = salvage(value).unzip();
        Self {
            code: fault.code,
            reason: fault.reason,
            call_id,
            reply_to: reply_to.flatten(),
        }
    }
}

impl fmt::Display for Malformed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Malformed<'_> {}

/// Reads the elements that every version keeps where they are, as far as the bytes allow.
///
/// This is safe even where the preflight has failed: nothing recurses, each read is within bounds,
/// and what is found only addresses a refusal, which a server sends to allowed topics alone.
fn salvage(value: &[u8]) -> Option<(CallId, Option<ReplyAddress<'_>>)> {
    let mut elements = Elements::new(value).ok()?;
    elements.next("version").ok()?.u64().ok()?;
    let kind = elements.next("kind").ok()?.u64().ok()?;
    elements.next("critical flags").ok()?;
    let call_id = elements.next("call id").ok()?.call_id().ok()?;
    let reply_to = match kind {
        // Neither is ever answered, lest two servers answer each other.
        REPLY | CANCEL | HAND_OVER => None,
        _ => salvage_address(elements),
    };
    Some((call_id, reply_to))
}

fn salvage_address(mut elements: Elements<'_>) -> Option<ReplyAddress<'_>> {
    for name in ["service", "service version", "method", "arguments"] {
        elements.next(name).ok()?;
    }
    elements.next("reply address").ok()?.reply_address().ok()
}
