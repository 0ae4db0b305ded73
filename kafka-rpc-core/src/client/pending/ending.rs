//! What a call waits for, and how it ends.

use std::time::Instant;

use crate::transport::TransportError;

/// How a call ended, as far as the registry knows.
#[derive(Debug)]
pub(in crate::client) enum Ending {
    /// A reply came.
    Reply {
        /// Still encoded.
        envelope: Box<[u8]>,
        /// Only of a timed call.
        arrival: Option<Box<Arrival>>,
    },
    /// The log has the command of a one-way call.
    Acknowledged,
    /// The deadline passed.
    Expired {
        /// Whether the command is known to be in the log.
        persisted: bool,
        /// What the transport last reported about the command.
        trouble: Option<Box<str>>,
    },
    /// The command certainly isn't in the log.
    NotPersisted(TransportError),
    /// The results topic lost records, of which one may have been the reply.
    Gap,
    /// The client was closed.
    Closed,
}

/// When the reply to a timed call came.
#[derive(Debug)]
pub(in crate::client) struct Arrival {
    pub(in crate::client) at: Instant,
    /// When the command was known to be in the log, if it was.
    pub(in crate::client) acknowledged: Option<Instant>,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Awaits {
    /// A reply on the listener with this number.
    Reply { lane: u32 },
    /// That the command is in the log.
    Acknowledgement,
}

/// Why a call can't be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Refusal {
    Closed,
    Full,
}
