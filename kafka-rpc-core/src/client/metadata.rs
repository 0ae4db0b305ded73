//! An answer together with how it came about.

use std::time::Duration;

use crate::wire::CallId;

/// A method's value, and who gave it how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply<T> {
    /// What the method returned.
    pub value: T,
    /// The call.
    pub call_id: CallId,
    /// The server that ran the method; empty for a one-way call.
    pub server: String,
    /// Which attempt was answered, counted from 1. A second one is made only where a server answered
    /// the first with its clock alone.
    pub attempt: u32,
    /// How long the stages of the call took.
    pub times: Times,
}

/// How long the stages of a call took, in their order.
///
/// `hand_over`, the way there, `queued`, `handler`, and the way back follow each other without gaps
/// within `round_trip`; `wake` and `decode` follow on it. What a one-way call has no part of is zero
/// or `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// Encoding the arguments, when the call was made, and the command around them. The arguments'
    /// part is missing where the call before it on its thread was one without metadata.
    pub encode: Duration,
    /// From the first poll to the hand-over of the command to the producer, with the encoding of the
    /// command.
    pub hand_over: Duration,
    /// From the hand-over to the broker's acknowledgement that the command is in the log. `None` if
    /// the reply was there before that was known.
    pub acknowledged: Option<Duration>,
    /// From the hand-over to the server's reading of the command, which `acknowledged` overlaps.
    ///
    /// It compares two machines' clocks, so it is as wrong as they differ; on one machine it is
    /// exact, and so is everywhere the sum of `outbound` and `inbound`. `None` if the server doesn't
    /// tell.
    pub outbound: Option<Duration>,
    /// From the server's reading of the command to the start of the method, by the server's clock.
    pub queued: Duration,
    /// The method itself, with the decoding of its arguments and the encoding of its answer, by the
    /// server's clock.
    pub handler: Duration,
    /// From the end of the method to the arrival of the reply at the listener; see `outbound`.
    pub inbound: Option<Duration>,
    /// From the arrival of the reply to the poll that finds it.
    pub wake: Duration,
    /// Decoding the reply and the value in it.
    pub decode: Duration,
    /// From the first poll to the arrival of the reply, or of a one-way call's acknowledgement, by
    /// the caller's clock.
    pub round_trip: Duration,
}
