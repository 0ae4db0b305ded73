//! Keeps records of a partition back, so that those of one moment go together: each request costs a
//! broker as much as a hundred records do.
//!
//! There are two reasons to keep a record back, and a batch goes when neither is left:
//!
//! - Everything is held for a moment (`hold`), since more records are about to come.
//! - The producer is idempotent, and several records of the partition aren't acknowledged. Librdkafka
//!   would send the next ones only after that anyway, with its thread spinning until then.

mod batch;
mod hold;
#[cfg(all(test, kafka_rpc_loom))]
pub(crate) mod models;
mod partition;
#[cfg(all(test, not(kafka_rpc_loom)))]
mod tests;

use crate::transport::{Duplicates, Record, TransportError, TransportErrorKind};
use crate::util::sync::atomic::{AtomicUsize, Ordering};
use crate::util::sync::lock;

pub(in crate::transport::kafka) use batch::Batch;
use hold::Hold;
use partition::{Partition, Partitions, State};

/// So many records of an idempotent producer may be in flight to a partition before others are kept
/// back: as many as librdkafka lets it have. A few calls at a time needn't wait for each other.
const MAX_UNACKED: usize = if cfg!(kafka_rpc_loom) { 1 } else { 4 };

/// How many bytes are kept back at most, in all partitions together.
const MAX_BYTES: usize = 64 << 20;

/// What a producer has in flight, and what it keeps back, in all partitions.
pub(in crate::transport::kafka) struct InFlight {
    /// How many records of a partition may be in flight before others are kept back.
    max_unacked: usize,
    partitions: Partitions,
    hold: Hold,
    /// How many records are kept back, and their bytes.
    kept: AtomicUsize,
    bytes: AtomicUsize,
}

/// The tokens of records that weren't taken, and why.
pub(in crate::transport::kafka) type Refused = Vec<(u64, TransportError)>;

/// What became of a record.
#[must_use = "one that is held may have to be let go"]
pub(in crate::transport::kafka) enum Admission {
    /// It was handed over.
    Sent,
    /// It waits for a delivery report.
    Kept,
    /// It is held in the partition with this number. The caller goes on with
    /// [`let_go`](InFlight::let_go).
    Held(u16),
}

impl InFlight {
    pub(in crate::transport::kafka) fn new(duplicates: Duplicates) -> Self {
        Self {
            max_unacked: match duplicates {
                Duplicates::Never => MAX_UNACKED,
                Duplicates::Harmless => usize::MAX,
            },
            partitions: Partitions::default(),
            hold: Hold::default(),
            kept: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Hands a record over by `send`, which is told the number of its partition, or keeps it back.
    /// `look` is called before the first one is kept: what it hears may make room.
    ///
    /// # Errors
    /// That of `send`, or too much is kept back already.
    pub(in crate::transport::kafka) fn admit(
        &self,
        record: &Record<'_>,
        token: u64,
        look: impl FnOnce(),
        send: impl FnOnce(u16) -> Result<(), TransportError>,
    ) -> Result<Admission, TransportError> {
        let (number, partition) = self.partitions.of(record.topic, record.partition)?;
        let mut state = lock(&partition.state);
        if self.hold.is_on() {
            let first = state.kept.is_empty();
            self.keep(&mut state, record, token)?;
            // Whether it is still on or not: it may have ended, and begun again, by the time that the
            // caller looks. What was kept before goes with a report, and this with it.
            if first {
                self.hold.note(number);
            }
            return Ok(Admission::Held(number));
        }
        if state.is_full(self.max_unacked) && state.kept.is_empty() {
            drop(state);
            look();
            state = lock(&partition.state);
        }
        if state.is_full(self.max_unacked) {
            self.keep(&mut state, record, token)?;
            return Ok(Admission::Kept);
        }
        state.unacked += 1;
        // While the state is locked, so that no later record overtakes this one. Its report, which
        // may come meanwhile, waits.
        let sent = send(number);
        if sent.is_err() {
            state.unacked -= 1;
        }
        sent.map(|()| Admission::Sent)
    }

    /// So many records of this partition were reported. If few are left in flight and nothing is
    /// held, those that were kept back are handed over by `send`; returns what wasn't taken.
    pub(in crate::transport::kafka) fn on_reported(
        &self,
        number: u16,
        count: usize,
        mut send: impl FnMut(u16, &Batch<'_>) -> Refused,
    ) -> Refused {
        let Some(partition) = self.partitions.at(number) else {
            return Vec::new();
        };
        {
            let state = &mut *lock(&partition.state);
            state.unacked -= count;
            if self.is_left_to_unhold(number, state) {
                return Vec::new();
            }
        }
        self.release(number, &partition, false, &mut send)
    }

    /// Holds everything back from now on.
    pub(in crate::transport::kafka) fn hold(&self) {
        self.hold.begin();
    }

    pub(in crate::transport::kafka) fn is_held(&self) -> bool {
        self.hold.is_on()
    }

    /// A record was [held](Admission::Held) in this partition: lets it go if the holding ended just
    /// before, so that whoever ended it may have missed it.
    pub(in crate::transport::kafka) fn let_go(
        &self,
        number: u16,
        send: impl FnMut(u16, &Batch<'_>) -> Refused,
    ) -> Refused {
        if self.hold.is_on() {
            return Vec::new();
        }
        self.on_reported(number, 0, send)
    }

    /// Ends [`hold`](Self::hold), and hands over what needn't wait for reports.
    pub(in crate::transport::kafka) fn unhold(
        &self,
        mut send: impl FnMut(u16, &Batch<'_>) -> Refused,
    ) -> Refused {
        if !self.hold.end() {
            return Vec::new();
        }
        let mut refused = Vec::new();
        while let Some(number) = self.hold.take() {
            // One that goes on waiting for a report is let go by that.
            if let Some(partition) = self.partitions.at(number) {
                refused.extend(self.release(number, &partition, false, &mut send));
            }
        }
        refused
    }

    /// Whether what is kept goes when the holding ends, with what comes until then. That is noted.
    fn is_left_to_unhold(&self, number: u16, state: &State) -> bool {
        if state.kept.is_empty() || !self.hold.is_on() {
            return false;
        }
        self.hold.note(number);
        // Whoever ended it meanwhile may have missed the note.
        self.hold.is_on()
    }

    /// Hands over everything that is kept back.
    pub(in crate::transport::kafka) fn release_all(
        &self,
        mut send: impl FnMut(u16, &Batch<'_>) -> Refused,
    ) -> Refused {
        (0..)
            .zip(self.partitions.all())
            .flat_map(|(number, partition)| self.release(number, &partition, true, &mut send))
            .collect()
    }

    /// Whether any record is kept back: somebody waits for the next report.
    pub(in crate::transport::kafka) fn keeps_any(&self) -> bool {
        self.kept.load(Ordering::SeqCst) > 0
    }

    fn keep(
        &self,
        state: &mut State,
        record: &Record<'_>,
        token: u64,
    ) -> Result<(), TransportError> {
        let size = record.key.map_or(0, <[u8]>::len) + record.value.len();
        if self.bytes.load(Ordering::SeqCst) + size > MAX_BYTES {
            return Err(TransportError::new(
                TransportErrorKind::QueueFull,
                format!("{MAX_BYTES} bytes wait for the brokers to acknowledge earlier ones"),
            ));
        }
        self.bytes.fetch_add(size, Ordering::SeqCst);
        self.kept.fetch_add(1, Ordering::SeqCst);
        state.kept.push(record, token);
        Ok(())
    }

    /// Hands over what is kept back, unless too many are in flight; `now`, even then.
    fn release(
        &self,
        number: u16,
        partition: &Partition,
        now: bool,
        send: &mut impl FnMut(u16, &Batch<'_>) -> Refused,
    ) -> Refused {
        let mut failed = Vec::new();
        loop {
            let buffer = {
                let state = &mut *lock(&partition.state);
                let waits = state.unacked >= self.max_unacked && !now;
                if state.releasing || waits || state.kept.is_empty() {
                    return failed;
                }
                // Later ones are kept until these are handed over, and nobody waits for that.
                state.releasing = true;
                state.unacked += state.kept.len();
                let spare = std::mem::take(&mut state.spare);
                std::mem::replace(&mut state.kept, spare)
            };
            let batch = Batch::new(&partition.topic, partition.partition, &buffer);
            let refused = send(number, &batch);
            self.kept.fetch_sub(buffer.len(), Ordering::SeqCst);
            self.bytes.fetch_sub(buffer.bytes(), Ordering::SeqCst);
            let state = &mut *lock(&partition.state);
            state.releasing = false;
            state.unacked -= refused.len();
            state.spare = buffer.emptied();
            failed.extend(refused);
        }
    }
}
