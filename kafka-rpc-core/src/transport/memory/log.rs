//! Topics and their partitions: records in order, watermarks, and who waits for more.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::faults::Fate;
use crate::transport::{Headers, Incoming};

/// What one stored record costs besides its bytes, for the limit on the log.
const RECORD_OVERHEAD: usize = 128;

/// A record as it is stored in a [`MemoryBroker`](super::MemoryBroker).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MemoryRecord {
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Milliseconds since the Unix epoch; 0 if it has none.
    pub timestamp_ms: i64,
}

impl MemoryRecord {
    pub(super) fn size(&self) -> usize {
        let optional = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        optional(&self.key) + optional(&self.value) + headers_size(&self.headers)
    }
}

impl fmt::Debug for MemoryRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        f.debug_struct("MemoryRecord")
            .field("key_bytes", &self.key.as_ref().map(Vec::len))
            .field("value_bytes", &self.value.as_ref().map(Vec::len))
            .field("headers", &self.headers.len())
            .field("timestamp_ms", &self.timestamp_ms)
            .finish()
    }
}

impl Headers for MemoryRecord {
    fn each(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in &self.headers {
            visit(name, value);
        }
    }
}

pub(super) fn headers_size(headers: &[(String, Vec<u8>)]) -> usize {
    // Each has two lengths of up to five bytes.
    headers.iter().map(|(n, v)| n.len() + v.len() + 10).sum()
}

/// A record with its place in the log; shared with the tasks that read it.
pub(super) struct Stored {
    pub(super) offset: i64,
    pub(super) record: MemoryRecord,
}

impl Stored {
    pub(super) fn incoming(&self, partition: u32) -> Incoming<'_> {
        Incoming {
            partition,
            offset: self.offset,
            timestamp_ms: self.record.timestamp_ms,
            key: self.record.key.as_deref(),
            value: self.record.value.as_deref(),
            headers: &self.record,
        }
    }
}

/// The tasks to wake. A task that is gone drops out by itself.
#[derive(Default)]
pub(super) struct Wakers(Vec<Weak<Notify>>);

impl Wakers {
    pub(super) fn add(&mut self, task: &Arc<Notify>) {
        self.0.retain(|old| old.strong_count() > 0);
        self.0.push(Arc::downgrade(task));
    }

    pub(super) fn remove(&mut self, task: &Arc<Notify>) {
        self.0.retain(|old| old.as_ptr() != Arc::as_ptr(task));
    }

    pub(super) fn wake(&self) {
        for task in &self.0 {
            if let Some(task) = task.upgrade() {
                task.notify_one();
            }
        }
    }
}

/// One partition.
#[derive(Default)]
pub(super) struct Partition {
    records: VecDeque<Arc<Stored>>,
    /// The offset of the first record that is kept.
    low: i64,
    bytes: usize,
    /// Readers see nothing at or above it; for tests that hold records back.
    curtain: Option<i64>,
    pub(super) readers: Wakers,
}

impl Partition {
    pub(super) fn low(&self) -> i64 {
        self.low
    }

    pub(super) fn end(&self) -> i64 {
        self.low + i64::try_from(self.records.len()).unwrap_or(i64::MAX)
    }

    /// Appends, wakes the readers, and lets the oldest records go beyond `limit` bytes.
    fn append(&mut self, record: MemoryRecord, limit: usize) -> i64 {
        let offset = self.end();
        self.bytes += record.size() + RECORD_OVERHEAD;
        self.records.push_back(Arc::new(Stored { offset, record }));
        while self.bytes > limit && self.records.len() > 1 {
            self.drop_first();
        }
        self.readers.wake();
        offset
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.records.pop_front() {
            self.bytes -= first.record.size() + RECORD_OVERHEAD;
            self.low += 1;
        }
    }

    /// Lets go of every record below `before`.
    pub(super) fn truncate(&mut self, before: i64) {
        while self.low < before && !self.records.is_empty() {
            self.drop_first();
        }
        self.readers.wake();
    }

    /// Up to `limit` records from `next`, which is not below the low watermark, into `batch`.
    pub(super) fn read(&self, next: i64, limit: usize, batch: &mut Vec<Arc<Stored>>) {
        let visible = self.curtain.map_or(self.end(), |at| at.min(self.end()));
        let index = |offset: i64| usize::try_from(offset - self.low).unwrap_or(0);
        let (from, to) = (index(next), index(visible));
        let to = to.min(from.saturating_add(limit));
        if from < to {
            batch.extend(self.records.range(from..to).cloned());
        }
    }

    /// Shows the next `count` hidden records, if the topic is held.
    pub(super) fn let_through(&mut self, count: u32) {
        let end = self.end();
        self.curtain = self.curtain.map(|at| (at + i64::from(count)).min(end));
        self.readers.wake();
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.records.iter()
    }
}

/// A topic, from its creation to its deletion.
pub(super) struct Topic {
    /// Tells a re-created topic from the one before it.
    pub(super) incarnation: u64,
    pub(super) partitions: Vec<Partition>,
    /// What becomes of the next records.
    pub(super) fates: VecDeque<Fate>,
    /// How many of the next records are stored twice.
    pub(super) duplicates: usize,
}

impl Topic {
    pub(super) fn new(incarnation: u64, partitions: u32) -> Self {
        Self {
            incarnation,
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            fates: VecDeque::new(),
            duplicates: 0,
        }
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn partition(&self, partition: u32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(partition).ok()?)
    }

    pub(super) fn partition_mut(&mut self, partition: u32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// Appends a record; the offset, or `None` if there is no such partition.
    pub(super) fn append(
        &mut self,
        partition: u32,
        record: MemoryRecord,
        limit: usize,
    ) -> Option<i64> {
        let twice = self.duplicates > 0;
        let log = self.partition_mut(partition)?;
        if twice {
            log.append(record.clone(), limit);
        }
        let offset = log.append(record, limit);
        if twice {
            self.duplicates -= 1;
        }
        Some(offset)
    }

    /// Hides every record that is appended from now on, until [`Topic::release`].
    pub(super) fn hold(&mut self) {
        for log in &mut self.partitions {
            log.curtain = log.curtain.or(Some(log.end()));
        }
    }

    pub(super) fn release(&mut self) {
        for log in &mut self.partitions {
            log.curtain = None;
            log.readers.wake();
        }
    }

    pub(super) fn wake(&self) {
        for log in &self.partitions {
            log.readers.wake();
        }
    }
}
