//! Keeps commands whose reply partition isn't known until their reply topic has been looked up.

use std::time::{Duration, Instant};

use super::arrival::Arrival;
use crate::server::complete::offsets::RecordRef;

/// How many commands may wait for a look-up of their reply topic.
const MAX_KEPT: usize = 1_024;
/// How many bytes of them.
const MAX_KEPT_BYTES: usize = 16 << 20;
/// The pause between two look-ups, which peers can provoke.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);

/// A command that waits until its reply topic has been looked up.
pub(crate) struct Kept {
    pub(crate) record: RecordRef,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) timestamp_ms: i64,
}

/// What was done with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It is kept, and a look-up is under way.
    Waits,
    /// It is the first one that is kept: a look-up has to begin.
    LookUp,
    /// The same, but not before this time: the last look-up is only just over, and the topic may have got
    /// the partition since.
    LookUpAt(Instant),
    /// It isn't kept.
    No,
}

/// The commands that wait for a look-up.
#[derive(Default)]
pub(crate) struct PendingLookup {
    kept: Vec<Kept>,
    bytes: usize,
    looked_up: Option<Instant>,
}

impl PendingLookup {
    /// Keeps a command, unless it was kept before, or too much waits.
    pub(crate) fn keep(&mut self, arrival: &Arrival<'_>) -> Keep {
        let bytes = self.bytes + arrival.value.len();
        if arrival.looked_up || self.kept.len() >= MAX_KEPT || bytes > MAX_KEPT_BYTES {
            return Keep::No;
        }
        let mut keep = Keep::Waits;
        if self.kept.is_empty() {
            let now = arrival.read_at;
            let next = self.looked_up.map(|at| at + LOOK_UP_PAUSE);
            keep = match next.filter(|next| *next > now) {
                None => Keep::LookUp,
                Some(next) => Keep::LookUpAt(next),
            };
            self.looked_up = next.max(Some(now));
        }
        self.bytes = bytes;
        self.kept.push(Kept {
            record: arrival.record,
            value: arrival.value.to_vec(),
            headers: arrival.headers.clone(),
            timestamp_ms: arrival.timestamp_ms,
        });
        keep
    }

    /// Takes all of them out, in their order.
    pub(crate) fn take(&mut self) -> Vec<Kept> {
        self.bytes = 0;
        std::mem::take(&mut self.kept)
    }

    /// Takes out those of these partitions.
    pub(crate) fn discard(&mut self, partitions: &[u32]) -> Vec<RecordRef> {
        let gone = |kept: &mut Kept| partitions.contains(&kept.record.partition);
        let discarded: Vec<Kept> = self.kept.extract_if(.., gone).collect();
        self.bytes -= discarded.iter().map(|kept| kept.value.len()).sum::<usize>();
        discarded.into_iter().map(|kept| kept.record).collect()
    }
}
