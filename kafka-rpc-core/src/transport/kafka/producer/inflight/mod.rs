//! Keeps records of a partition back, so that those of one moment go together: each request costs a
//! broker as much as a hundred records do.
//!
//! Those of an idempotent producer also wait while others aren't acknowledged. Librdkafka would send
//! them only after that anyway, with its thread spinning until then. What waits for that here goes as
//! one batch with the last acknowledgement, or when the holding ends, if that is later.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::transport::{Duplicates, Record, TransportError, TransportErrorKind};
use crate::util::sync::lock;

/// So many records of an idempotent producer may be on their way before others are kept back: as
/// many as librdkafka lets it have. A few calls at a time needn't wait for each other.
const FEW: usize = 4;

/// How many bytes are kept back at most, in all partitions together.
const MAX_BYTES: usize = 64 << 20;

/// A batch's memory is kept for the next one if it is no more than this.
const SPARE_BYTES: usize = 64 << 10;

/// The windows of all partitions that a producer has produced to.
pub(in crate::transport::kafka) struct Windows {
    /// How many records of a partition may be on their way before others are kept back.
    few: usize,
    table: RwLock<Table>,
    /// Everything is kept back.
    held: AtomicBool,
    /// The numbers of windows that began to keep records because everything is kept back.
    keeping: Mutex<Vec<u16>>,
    /// How many records are kept back, and their bytes.
    kept: AtomicUsize,
    bytes: AtomicUsize,
}

#[derive(Default)]
struct Table {
    /// The numbers of the windows by topic, of which there are few, and partition.
    topics: Vec<(Box<str>, Vec<Option<u16>>)>,
    windows: Vec<Arc<Window>>,
}

/// What is on its way to one partition, and what is kept back.
struct Window {
    topic: Box<str>,
    partition: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Handed to librdkafka, and not reported.
    on_their_way: usize,
    kept: Batch,
    /// What was kept back is being handed over.
    releasing: bool,
    /// Memory for the next batch.
    spare: Batch,
}

/// Records that are kept back, and their keys and values one after another.
#[derive(Default)]
struct Batch {
    records: Vec<Kept>,
    bytes: Vec<u8>,
}

struct Kept {
    key: Option<usize>,
    value: usize,
    headers: Vec<(String, Vec<u8>)>,
    timestamp_ms: i64,
    token: u64,
    urgent: bool,
}

/// The tokens of records that weren't taken, and why.
pub(in crate::transport::kafka) type Refused = Vec<(u64, TransportError)>;

/// What became of a record that was given to a window.
pub(in crate::transport::kafka) enum Passed {
    Sent,
    /// It waits for a report.
    Kept,
    /// It was kept back in the window with this number only because everything is.
    Held(u16),
}

impl Windows {
    pub(in crate::transport::kafka) fn new(duplicates: Duplicates) -> Self {
        Self {
            few: match duplicates {
                Duplicates::Never => FEW,
                Duplicates::Harmless => usize::MAX,
            },
            table: RwLock::default(),
            held: AtomicBool::default(),
            keeping: Mutex::default(),
            kept: AtomicUsize::default(),
            bytes: AtomicUsize::default(),
        }
    }

    /// Hands a record over by `send`, which is told the number of its window, or keeps it back.
    /// `look` is called before the first one is kept: what it hears may make room.
    ///
    /// # Errors
    /// That of `send`, or too much is kept back already.
    pub(in crate::transport::kafka) fn pass(
        &self,
        record: &Record<'_>,
        token: u64,
        look: impl FnOnce(),
        send: impl FnOnce(u16) -> Result<(), TransportError>,
    ) -> Result<Passed, TransportError> {
        let (number, window) = self.of(record.topic, record.partition)?;
        let mut state = lock(&window.state);
        if self.is_held() {
            self.keep(number, &mut state, record, token)?;
            return Ok(Passed::Held(number));
        }
        if state.is_full(self.few) && state.kept.records.is_empty() {
            drop(state);
            look();
            state = lock(&window.state);
        }
        if state.is_full(self.few) {
            self.keep(number, &mut state, record, token)?;
            return Ok(Passed::Kept);
        }
        state.on_their_way += 1;
        // While the state is locked, so that no later record overtakes this one. Its report, which
        // may come meanwhile, waits.
        let sent = send(number);
        if sent.is_err() {
            state.on_their_way -= 1;
        }
        sent.map(|()| Passed::Sent)
    }

    /// So many records of this window were reported. If few are left on their way and nothing is held,
    /// those that were kept back are handed over by `send`; returns the tokens of those that weren't
    /// taken, and why.
    pub(in crate::transport::kafka) fn reported(
        &self,
        number: u16,
        count: usize,
        mut send: impl FnMut(u16, &Lot<'_>) -> Refused,
    ) -> Refused {
        let Some(window) = self.at(number) else {
            return Vec::new();
        };
        {
            let state = &mut *lock(&window.state);
            state.on_their_way -= count;
            if self.is_left_to_unhold(number, state) {
                return Vec::new();
            }
        }
        self.release(number, &window, false, &mut send)
    }

    /// Keeps everything back from now on.
    pub(in crate::transport::kafka) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(in crate::transport::kafka) fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    /// Ends [`hold`](Self::hold), and hands over what needn't wait for reports.
    pub(in crate::transport::kafka) fn unhold(
        &self,
        mut send: impl FnMut(u16, &Lot<'_>) -> Refused,
    ) -> Refused {
        if !self.held.swap(false, Ordering::SeqCst) {
            return Vec::new();
        }
        // One that goes on waiting for a report is let go by that. They are taken one by one, so that
        // the list keeps its memory: a lone call passes through here, too.
        let windows = std::iter::from_fn(|| lock(&self.keeping).pop())
            .filter_map(|number| Some((number, self.at(number)?)));
        self.release_each(windows, false, &mut send)
    }

    /// Whether what is kept goes when the holding ends, with what comes until then. That is noted.
    fn is_left_to_unhold(&self, number: u16, state: &State) -> bool {
        if state.kept.records.is_empty() || !self.is_held() {
            return false;
        }
        lock(&self.keeping).push(number);
        // Whoever ends the holding says so before it takes the numbers: it may have missed this one.
        self.is_held()
    }

    /// Hands over everything that is kept back.
    pub(in crate::transport::kafka) fn release_all(
        &self,
        mut send: impl FnMut(u16, &Lot<'_>) -> Refused,
    ) -> Refused {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let windows = table.windows.clone();
        drop(table);
        self.release_each((0..).zip(windows), true, &mut send)
    }

    fn release_each(
        &self,
        windows: impl Iterator<Item = (u16, Arc<Window>)>,
        now: bool,
        send: &mut impl FnMut(u16, &Lot<'_>) -> Refused,
    ) -> Refused {
        windows
            .flat_map(|(number, window)| self.release(number, &window, now, send))
            .collect()
    }

    /// Whether any record is kept back: somebody waits for the next report.
    pub(in crate::transport::kafka) fn keep_any(&self) -> bool {
        self.kept.load(Ordering::SeqCst) > 0
    }

    fn keep(
        &self,
        number: u16,
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
        if state.kept.records.is_empty() && self.is_held() {
            lock(&self.keeping).push(number);
        }
        self.bytes.fetch_add(size, Ordering::SeqCst);
        self.kept.fetch_add(1, Ordering::SeqCst);
        let Batch { records, bytes } = &mut state.kept;
        bytes.extend_from_slice(record.key.unwrap_or_default());
        bytes.extend_from_slice(record.value);
        records.push(Kept {
            key: record.key.map(<[u8]>::len),
            value: record.value.len(),
            headers: record.headers.to_vec(),
            timestamp_ms: record.timestamp_ms,
            token,
            urgent: record.urgent,
        });
        Ok(())
    }

    /// Hands over what is kept back, unless too many are on their way; `now`, even then.
    fn release(
        &self,
        number: u16,
        window: &Window,
        now: bool,
        send: &mut impl FnMut(u16, &Lot<'_>) -> Refused,
    ) -> Refused {
        let mut failed = Vec::new();
        loop {
            let batch = {
                let state = &mut *lock(&window.state);
                let waits = state.on_their_way >= self.few && !now;
                if state.releasing || waits || state.kept.records.is_empty() {
                    return failed;
                }
                // Later ones are kept until these are handed over, and nobody waits for that.
                state.releasing = true;
                state.on_their_way += state.kept.records.len();
                let spare = std::mem::take(&mut state.spare);
                std::mem::replace(&mut state.kept, spare)
            };
            let refused = send(
                number,
                &Lot {
                    window,
                    batch: &batch,
                },
            );
            self.kept.fetch_sub(batch.records.len(), Ordering::SeqCst);
            self.bytes.fetch_sub(batch.bytes.len(), Ordering::SeqCst);
            let state = &mut *lock(&window.state);
            state.releasing = false;
            state.on_their_way -= refused.len();
            state.spare = batch.emptied();
            failed.extend(refused);
        }
    }

    fn at(&self, number: u16) -> Option<Arc<Window>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.windows.get(usize::from(number)).map(Arc::clone)
    }

    fn of(&self, topic: &str, partition: u32) -> Result<(u16, Arc<Window>), TransportError> {
        let index = partition as usize;
        {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let known = table.topics.iter().find(|(name, _)| **name == *topic);
            if let Some(Some(number)) = known.and_then(|(_, numbers)| numbers.get(index)) {
                return Ok((*number, Arc::clone(&table.windows[usize::from(*number)])));
            }
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Table { topics, windows } = &mut *table;
        let Ok(number) = u16::try_from(windows.len()) else {
            return Err(TransportError::new(
                TransportErrorKind::Other,
                "this process has produced to too many partitions; connect a new client",
            ));
        };
        let place = match topics.iter().position(|(name, _)| **name == *topic) {
            Some(place) => place,
            None => {
                topics.push((topic.into(), Vec::new()));
                topics.len() - 1
            }
        };
        let numbers = &mut topics[place].1;
        if numbers.len() <= index {
            numbers.resize(index + 1, None);
        }
        let number = *numbers[index].get_or_insert(number);
        if usize::from(number) == windows.len() {
            windows.push(Arc::new(Window {
                topic: topic.into(),
                partition,
                state: Mutex::default(),
            }));
        }
        Ok((number, Arc::clone(&windows[usize::from(number)])))
    }
}

impl State {
    const fn is_full(&self, few: usize) -> bool {
        self.on_their_way >= few || self.releasing || !self.kept.records.is_empty()
    }
}

/// Records that were kept back, and go together.
pub(in crate::transport::kafka) struct Lot<'a> {
    window: &'a Window,
    batch: &'a Batch,
}

impl Lot<'_> {
    pub(in crate::transport::kafka) fn topic(&self) -> &str {
        &self.window.topic
    }

    pub(in crate::transport::kafka) const fn partition(&self) -> u32 {
        self.window.partition
    }

    pub(in crate::transport::kafka) const fn len(&self) -> usize {
        self.batch.records.len()
    }

    /// Each record and its token, in order.
    pub(in crate::transport::kafka) fn records(&self) -> impl Iterator<Item = (Record<'_>, u64)> {
        let mut rest = &self.batch.bytes[..];
        self.batch.records.iter().map(move |kept| {
            let (key, after) = rest.split_at(kept.key.unwrap_or(0));
            let (value, after) = after.split_at(kept.value);
            rest = after;
            let record = Record {
                topic: &self.window.topic,
                partition: self.window.partition,
                key: kept.key.map(|_| key),
                value,
                headers: &kept.headers,
                timestamp_ms: kept.timestamp_ms,
                urgent: kept.urgent,
            };
            (record, kept.token)
        })
    }
}

impl Batch {
    /// Its memory, unless that is a burst's.
    fn emptied(mut self) -> Self {
        if self.bytes.capacity() > SPARE_BYTES {
            return Self::default();
        }
        self.records.clear();
        self.bytes.clear();
        self
    }
}
