//! Keeps records of a partition back while others of it aren't acknowledged, so that they go together.
//!
//! If its producer is idempotent, librdkafka would send them only after that acknowledgement anyway,
//! with its thread spinning until then; else it would send a few at a time, and each request costs a
//! broker as much as a hundred records do. What is kept here goes as one batch, at the moment at
//! which the last acknowledgement comes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::sync::lock;
use crate::transport::{Record, TransportError, TransportErrorKind};

/// So many records may be on their way before others are kept back: as many as librdkafka lets an
/// idempotent producer have. A few calls at a time needn't wait for each other.
const FEW: usize = 4;

/// How many bytes are kept back at most, in all partitions together.
const MAX_BYTES: usize = 64 << 20;

/// The windows of all partitions that a producer has produced to.
#[derive(Default)]
pub(super) struct Windows {
    table: RwLock<Table>,
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

/// What became of a record that was given to a window.
pub(super) enum Passed {
    Sent,
    Kept,
}

impl Windows {
    /// Hands a record over by `send`, which is told the number of its window, or keeps it back.
    /// `look` is called before the first one is kept: what it hears may make room.
    ///
    /// # Errors
    /// That of `send`, or too much is kept back already.
    pub(super) fn pass(
        &self,
        record: &Record<'_>,
        token: u64,
        look: impl FnOnce(),
        send: impl FnOnce(u16) -> Result<(), TransportError>,
    ) -> Result<Passed, TransportError> {
        let (number, window) = self.of(record.topic, record.partition)?;
        let mut state = lock(&window.state);
        if state.is_full() && state.kept.records.is_empty() {
            drop(state);
            look();
            state = lock(&window.state);
        }
        if state.is_full() {
            self.keep(&mut state, record, token)?;
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

    /// A record of this window was reported. If it was the last one on its way, those that were kept
    /// back are handed over by `send`; returns the tokens of those that weren't taken, and why.
    pub(super) fn reported(
        &self,
        number: u16,
        send: impl FnMut(&Record<'_>, u64) -> Result<(), TransportError>,
    ) -> Vec<(u64, TransportError)> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let window = table.windows.get(usize::from(number)).map(Arc::clone);
        drop(table);
        let Some(window) = window else {
            return Vec::new();
        };
        let mut state = lock(&window.state);
        state.on_their_way -= 1;
        if state.on_their_way > 0 || state.kept.records.is_empty() {
            return Vec::new();
        }
        self.release(&window, &mut state, send)
    }

    /// Hands over everything that is kept back.
    pub(super) fn release_all(
        &self,
        mut send: impl FnMut(u16, &Record<'_>, u64) -> Result<(), TransportError>,
    ) -> Vec<(u64, TransportError)> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let windows = table.windows.clone();
        drop(table);
        let mut failed = Vec::new();
        for (number, window) in (0..).zip(&windows) {
            let state = &mut *lock(&window.state);
            failed.extend(self.release(window, state, |record, token| send(number, record, token)));
        }
        failed
    }

    /// Whether any record is kept back: somebody waits for the next report.
    pub(super) fn keep_any(&self) -> bool {
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

    fn release(
        &self,
        window: &Window,
        state: &mut State,
        mut send: impl FnMut(&Record<'_>, u64) -> Result<(), TransportError>,
    ) -> Vec<(u64, TransportError)> {
        let spare = std::mem::take(&mut state.spare);
        let mut batch = std::mem::replace(&mut state.kept, spare);
        let mut failed = Vec::new();
        let mut rest = &batch.bytes[..];
        for kept in &batch.records {
            let key;
            (key, rest) = rest.split_at(kept.key.unwrap_or(0));
            let value;
            (value, rest) = rest.split_at(kept.value);
            let record = Record {
                topic: &window.topic,
                partition: window.partition,
                key: kept.key.map(|_| key),
                value,
                headers: &kept.headers,
                timestamp_ms: kept.timestamp_ms,
                urgent: kept.urgent,
            };
            match send(&record, kept.token) {
                Ok(()) => state.on_their_way += 1,
                Err(error) => failed.push((kept.token, error)),
            }
        }
        self.kept.fetch_sub(batch.records.len(), Ordering::SeqCst);
        self.bytes.fetch_sub(batch.bytes.len(), Ordering::SeqCst);
        // A burst's memory isn't kept.
        if batch.bytes.capacity() <= 1 << 20 {
            batch.records.clear();
            batch.bytes.clear();
            state.spare = batch;
        }
        failed
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
    fn is_full(&self) -> bool {
        self.on_their_way >= FEW || !self.kept.records.is_empty()
    }
}
