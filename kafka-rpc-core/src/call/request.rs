//! One call on its way to its method.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use super::{Extensions, Payload};
use crate::wire::CallId;
use crate::{Descriptor, Method};

/// One call on its way to its method, on the client and on the server alike.
///
/// It owns its encoded arguments, so that it can be sent again; all attempts of a call share its id
/// and its deadline. A clone has arguments of its own, unless others share them already.
#[derive(Clone)]
pub(crate) struct Request {
    /// The call, the same for all its attempts.
    pub(crate) id: CallId,
    pub(crate) service: &'static Descriptor,
    pub(crate) method: &'static Method,
    pub(crate) arguments: Payload,
    /// The routing key.
    pub(crate) key: Option<Bytes>,
    /// In order; nobody vouches for them but the caller.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// When the call ends at the latest, by this machine's monotonic clock.
    pub(crate) deadline: Instant,
    /// Which attempt this is, from 1.
    pub(crate) attempt: u32,
    /// What few requests have.
    pub(crate) extensions: Extensions,
}

/// The partition of the commands topic that the caller names; an extension of a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExplicitPartition(pub(crate) u32);

/// The key under which the caller wants repetitions suppressed; an extension of a [`Request`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(pub(crate) Bytes);

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys never reach a log.
        write!(f, "IdempotencyKey({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither keys nor header values reach a log.
        f.debug_struct("Request")
            .field("id", &self.id)
            .field("service", &self.service.name)
            .field("method", &self.method.name)
            .field("attempt", &self.attempt)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
