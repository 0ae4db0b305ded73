//! What a client counts.

use std::time::Duration;

use crate::client::metadata::Times;

/// Counts of one client since it was connected, as they stood at one moment.
///
/// Every started call ends in one of `answered`, `acknowledged`, `expired`, `cancelled`,
/// `disconnected` and `failed`, or is still in flight. An application error is an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Calls that wait for their end.
    pub in_flight: u64,
    /// Calls whose first poll sent, or tried to send, a command. A one-way call may first ask for a
    /// server's clock, which counts as one more.
    pub started: u64,
    /// Calls to which a reply came, be it a value or an error.
    pub answered: u64,
    /// Calls whose command was sent once more, since a server answered it with its clock alone: client
    /// and server knew too little of each other's clocks. The ends of these calls are counted like
    /// others.
    pub resent: u64,
    /// One-way calls whose command is in the log.
    pub acknowledged: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Calls that were dropped before they ended.
    pub cancelled: u64,
    /// Calls ended by a gap in the results topic or by the closing of the client.
    pub disconnected: u64,
    /// Calls whose command certainly did not reach the log.
    pub failed: u64,
    /// Calls that were not started because too many were in flight.
    pub refused: u64,
    /// Replies that came after their call had ended without one, or had been answered long ago.
    pub late_replies: u64,
    /// Replies to calls that had been answered already, as far as the client remembers: about the
    /// last 1,024.
    pub duplicate_replies: u64,
    /// Records of the results topics that are not replies to this client, but for instance to
    /// another one with the same partition; dropped undecoded.
    pub foreign_replies: u64,
    /// How often a results topic lost records before they were read.
    pub gaps: u64,
    /// Partitions of commands topics that calls avoid which may go to any, since calls to them aren't
    /// answered while others are.
    pub avoided_partitions: u64,
    /// How often the number of partitions of the commands topics couldn't be looked up.
    pub failed_lookups: u64,
    /// Where the time of answered calls went.
    pub stages: StageTotals,
}

/// The stages of those answered calls that were timed: one of 64, and all with metadata.
///
/// Each is the sum over those calls, to be divided by their number; [`Times`] tells what it spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageTotals {
    /// How many calls were timed.
    pub calls: u64,
    /// Of how many of them the acknowledgement is known, which only those with metadata ask for.
    pub acknowledgements: u64,
    /// Of how many of them the server told when it read the command.
    pub crossings: u64,
    /// Encoding the command.
    pub encode: Duration,
    /// From the first poll to the producer.
    pub hand_over: Duration,
    /// From the producer to the acknowledgement; of `acknowledgements` calls.
    pub acknowledged: Duration,
    /// From the producer to the server; of `crossings` calls.
    pub outbound: Duration,
    /// Waiting in the server.
    pub queued: Duration,
    /// Running.
    pub handler: Duration,
    /// From the server to the listener; of `crossings` calls.
    pub inbound: Duration,
    /// From the listener to the caller.
    pub wake: Duration,
    /// Decoding the answer.
    pub decode: Duration,
    /// From the first poll to the listener.
    pub round_trip: Duration,
}

impl ClientStats {
    /// Adds what another part of the client has counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.in_flight += other.in_flight;
        self.started += other.started;
        self.answered += other.answered;
        self.resent += other.resent;
        self.acknowledged += other.acknowledged;
        self.expired += other.expired;
        self.cancelled += other.cancelled;
        self.disconnected += other.disconnected;
        self.failed += other.failed;
        self.refused += other.refused;
        self.late_replies += other.late_replies;
        self.duplicate_replies += other.duplicate_replies;
        self.foreign_replies += other.foreign_replies;
        self.gaps += other.gaps;
        self.avoided_partitions += other.avoided_partitions;
        self.failed_lookups += other.failed_lookups;
        self.stages.add(&other.stages);
    }
}

impl StageTotals {
    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.acknowledgements += other.acknowledgements;
        self.crossings += other.crossings;
        self.encode += other.encode;
        self.hand_over += other.hand_over;
        self.acknowledged += other.acknowledged;
        self.outbound += other.outbound;
        self.queued += other.queued;
        self.handler += other.handler;
        self.inbound += other.inbound;
        self.wake += other.wake;
        self.decode += other.decode;
        self.round_trip += other.round_trip;
    }
}

impl From<&Times> for StageTotals {
    /// The totals of one call.
    fn from(times: &Times) -> Self {
        Self {
            calls: 1,
            acknowledgements: times.acknowledged.is_some().into(),
            crossings: times.outbound.is_some().into(),
            encode: times.encode,
            hand_over: times.hand_over,
            acknowledged: times.acknowledged.unwrap_or_default(),
            outbound: times.outbound.unwrap_or_default(),
            queued: times.queued,
            handler: times.handler,
            inbound: times.inbound.unwrap_or_default(),
            wake: times.wake,
            decode: times.decode,
            round_trip: times.round_trip,
        }
    }
}
