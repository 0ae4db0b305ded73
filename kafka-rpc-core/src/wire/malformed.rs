//! What is left of a record value that isn't a readable envelope.

use std::fmt;

use super::elements::{CANCEL, REPLY};
use super::read::{Reader, Token};
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
    /// Where an answer is awaited, if that could still be read; always `None` for a reply or a
    /// cancel.
    pub reply_to: Option<ReplyAddress<'a>>,
}

impl<'a> Malformed<'a> {
    pub(super) fn new(value: &'a [u8], fault: Fault) -> Self {
        let salvage = Salvage::from(value);
        Self {
            code: fault.code,
            reason: fault.reason,
            call_id: salvage.call_id,
            reply_to: salvage.reply_to,
        }
    }
}

impl fmt::Display for Malformed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Malformed<'_> {}

/// Why decoding stopped.
pub(super) struct Fault {
    code: Code,
    reason: String,
}

impl Fault {
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self {
            code: Code::InvalidArgument,
            reason: reason.into(),
        }
    }

    pub(super) fn unimplemented(reason: impl Into<String>) -> Self {
        Self {
            code: Code::Unimplemented,
            reason: reason.into(),
        }
    }
}

#[derive(Default)]
struct Salvage<'a> {
    call_id: Option<CallId>,
    reply_to: Option<ReplyAddress<'a>>,
}

impl<'a> Salvage<'a> {
    /// Reads the elements that every version keeps where they are, as far as the bytes allow.
    ///
    /// This is safe even where the preflight has failed: nothing recurses or allocates, each read
    /// is within bounds, and whatever is found is only used to address a refusal, which the server
    /// sends to allowed topics alone.
    fn from(value: &'a [u8]) -> Self {
        let mut salvage = Self::default();
        salvage.read(value);
        salvage
    }

    fn read(&mut self, value: &'a [u8]) -> Option<()> {
        let mut reader = Reader::new(value);
        let Token::Array(count) = reader.token().ok()? else {
            return None;
        };
        let mut kind = None;
        for index in 0..count {
            let token = reader.token().ok()?;
            match (index, token) {
                (0, Token::Uint(_version)) => {}
                (1, Token::Uint(number)) => kind = Some(number),
                (0 | 1, _) => return None,
                (3, Token::Bin(bytes)) => self.call_id = Some(CallId::from_slice(bytes)?),
                (3, _) => return None,
                // A reply or a cancel is never answered, lest two servers answer each other.
                (8, _) if kind != Some(REPLY) && kind != Some(CANCEL) => {
                    self.reply_to = ReplyAddress::read(token, reader);
                }
                _ => {}
            }
            if index == 8 {
                break;
            }
            reader.skip_children(token).ok()?;
        }
        Some(())
    }
}
