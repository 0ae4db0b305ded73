//! What a client counts.

use super::registry::Ending;

/// Counts of one client since it was connected, as they stood at one moment.
///
/// Every started call ends in one of `answered`, `acknowledged`, `expired`, `cancelled`,
/// `disconnected` and `failed`, or is still in flight. An application error is an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Calls that wait for their end.
    pub in_flight: u64,
    /// Calls whose first poll sent, or tried to send, a command.
    pub started: u64,
    /// Calls to which a reply came, be it a value or an error.
    pub answered: u64,
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
    /// Replies to calls that had been answered already, among the last 1,024 that were.
    pub duplicate_replies: u64,
    /// Records of the results topics that are not replies to this client, but for instance to
    /// another one with the same partition; dropped undecoded.
    pub foreign_replies: u64,
    /// How often a results topic lost records before they were read.
    pub gaps: u64,
}

impl ClientStats {
    pub(super) fn count(&mut self, ending: &Ending) {
        let counter = match ending {
            Ending::Reply(..) => &mut self.answered,
            Ending::Acknowledged => &mut self.acknowledged,
            Ending::Expired { .. } => &mut self.expired,
            Ending::NotPersisted(_) => &mut self.failed,
            Ending::Gap | Ending::Closed => &mut self.disconnected,
        };
        *counter += 1;
    }
}

/// The calls answered last, by which a duplicate reply is told from a late one.
#[derive(Debug, Default)]
pub(super) struct Recent {
    sequences: Vec<u64>,
    next: usize,
}

impl Recent {
    const CAPACITY: usize = 1024;

    pub(super) fn push(&mut self, sequence: u64) {
        if self.sequences.len() < Self::CAPACITY {
            self.sequences.push(sequence);
        } else {
            self.sequences[self.next] = sequence;
        }
        self.next = (self.next + 1) % Self::CAPACITY;
    }

    pub(super) fn contains(&self, sequence: u64) -> bool {
        self.sequences.contains(&sequence)
    }
}
