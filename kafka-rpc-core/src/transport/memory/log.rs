//! Topics and their partitions: records in order, watermarks, and who waits for more.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use crate::transport::memory::fate::Fate;
use crate::transport::memory::record::{self, Batch, MemoryRecord, Parts, Stored};
use crate::transport::memory::runtime::Executor;

/// What one stored record costs besides its bytes, for the limit on the log.
const RECORD_OVERHEAD: usize = 128;

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
    records: VecDeque<Stored>,
    /// The keys and values of all records, one after another.
    bytes: VecDeque<u8>,
    /// The offset of the first record that is kept.
    low: i64,
    /// What counts for the limit.
    size: usize,
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
    fn append(&mut self, parts: Parts<'_>, limit: usize) -> i64 {
        let offset = self.end();
        let begin = self.records.back().map_or(0, Stored::end);
        self.size += parts.size() + RECORD_OVERHEAD;
        self.records.push_back(parts.store(begin, &mut self.bytes));
        while self.size > limit && self.records.len() > 1 {
            self.drop_first();
        }
        self.readers.wake();
        offset
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.records.pop_front() {
            self.bytes.drain(..first.bytes());
            self.size -= first.size() + RECORD_OVERHEAD;
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

    /// Records from `next` on, which is not below the low watermark, into `batch`.
    pub(super) fn read(&self, next: i64, batch: &mut Batch) {
        let visible = self.curtain.map_or(self.end(), |at| at.min(self.end()));
        let index = |offset: i64| usize::try_from(offset - self.low).unwrap_or(0);
        let (from, to) = (index(next), index(visible));
        batch.clear();
        if from < to {
            let origin = self.records[0].begin();
            batch.fill(next, self.records.range(from..to), &self.bytes, origin);
        }
    }

    /// Shows the next `count` hidden records, if the topic is held.
    pub(super) fn let_through(&mut self, count: u32) {
        let end = self.end();
        self.curtain = self.curtain.map(|at| (at + i64::from(count)).min(end));
        self.readers.wake();
    }

    pub(super) fn all(&self) -> Vec<MemoryRecord> {
        record::all(&self.records, &self.bytes)
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
    /// What gives records the time of their append, if their own doesn't count.
    pub(super) append_time: Option<Arc<Executor>>,
}

impl Topic {
    pub(super) fn new(incarnation: u64, partitions: u32) -> Self {
        Self {
            incarnation,
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            fates: VecDeque::new(),
            duplicates: 0,
            append_time: None,
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
        mut parts: Parts<'_>,
        limit: usize,
    ) -> Option<i64> {
        if let Some(executor) = &self.append_time {
            parts.timestamp_ms = executor.wall_us_at(executor.now()).div_euclid(1_000);
        }
        let log = self.partitions.get_mut(usize::try_from(partition).ok()?)?;
        if self.duplicates > 0 {
            self.duplicates -= 1;
            log.append(parts, limit);
        }
        Some(log.append(parts, limit))
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
