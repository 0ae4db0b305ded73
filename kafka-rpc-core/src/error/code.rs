//! The codes and outcomes, which are numbers on the wire and never re-used.

use std::fmt;

/// Why a call failed.
///
/// The discriminants are the numbers on the wire; those below 32 have the meaning that gRPC gives
/// to the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Code {
    /// The caller gave up. No call ends with it here: who dropped a call awaits no error.
    Cancelled = 1,
    /// The arguments can't be encoded, are too large, or the server can't decode them; or a setting
    /// of the call, client or server has no meaning.
    InvalidArgument = 3,
    /// The deadline passed before an answer came, or before the command could be sent; a handler had
    /// to be stopped when its server shut down.
    DeadlineExceeded = 4,
    /// A broker's access control refused it. Servers also count by this code the commands that ask
    /// for a reply on a topic that isn't allowed; those callers hear nothing.
    PermissionDenied = 7,
    /// Too many calls are in flight here, the producer's queue is full, or the server sheds load.
    ResourceExhausted = 8,
    /// The server has no such service, method or version.
    Unimplemented = 12,
    /// The server failed while it handled the call: its handler panicked, or gave an answer that
    /// can't be encoded.
    Internal = 13,
    /// The command certainly did not reach the log; or a client or server can't be set up, because no
    /// broker answers or a topic is missing.
    Unavailable = 14,
    /// The credentials were refused.
    Unauthenticated = 16,
    /// The reply path lost records, or the client was closed while the call was pending.
    Disconnected = 32,
    /// The method ran, but its reply is larger than the limit.
    ReplyTooLarge = 33,
    /// A reply came that can't be decoded.
    BadReply = 34,
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Cancelled,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::Unauthenticated,
        Self::Disconnected,
        Self::ReplyTooLarge,
        Self::BadReply,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The code with this number on the wire, if this version knows one.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|code| u64::from(code.number()) == number)
    }

    /// The name as documented, for instance `DeadlineExceeded`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "Cancelled",
            Self::InvalidArgument => "InvalidArgument",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::PermissionDenied => "PermissionDenied",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::Unimplemented => "Unimplemented",
            Self::Internal => "Internal",
            Self::Unavailable => "Unavailable",
            Self::Unauthenticated => "Unauthenticated",
            Self::Disconnected => "Disconnected",
            Self::ReplyTooLarge => "ReplyTooLarge",
            Self::BadReply => "BadReply",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a failed call ran on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// The method certainly did not run, and will not.
    NotRun = 0,
    /// The method certainly ran, at least in part.
    Ran = 1,
    /// The method may have run, may be running, or may still run.
    Unknown = 2,
}

impl Outcome {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The outcome with this number on the wire; a number of a later version reads as `Unknown`,
    /// the only claim that is true of every call.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        match number {
            0 => Self::NotRun,
            1 => Self::Ran,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRun => "the call did not run",
            Self::Ran => "the call ran",
            Self::Unknown => "the call may have run",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_codes() {
        for code in Code::ALL {
            assert_eq!(Code::from_number(u64::from(code.number())), Some(code));
        }
        assert_eq!(Code::from_number(0), None);
        assert_eq!(Code::from_number(u64::MAX), None);
    }
}
