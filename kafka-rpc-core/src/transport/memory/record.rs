//! A record as it is given, stored and read.

use std::collections::{VecDeque, vec_deque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::transport::{Headers, Incoming, Record};

/// How many records are read under one lock, and handed over before other tasks get a turn.
const BATCH: usize = 128;

/// A batch with so many bytes takes no further record; as much as Kafka's clients fetch at once.
const BATCH_BYTES: usize = 50 << 20;

/// What a reader keeps for its next batch.
const KEEP_BYTES: usize = 1 << 20;

type Header = (String, Vec<u8>);

/// A record as it is stored in a [`MemoryBroker`](crate::transport::memory::MemoryBroker).
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

/// A record that is borrowed from wherever it is.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [Header],
    pub(super) timestamp_ms: i64,
}

impl Parts<'_> {
    /// The bytes of its key, value and headers.
    pub(super) fn size(&self) -> usize {
        self.key.map_or(0, <[u8]>::len)
            + self.value.map_or(0, <[u8]>::len)
            + headers_size(self.headers)
    }

    /// Appends the key and the value to `bytes`, and returns the rest. `begin` counts the bytes that
    /// were ever appended.
    pub(super) fn store(self, begin: u64, bytes: &mut VecDeque<u8>) -> Stored {
        for part in [self.key, self.value].into_iter().flatten() {
            bytes.extend(part);
        }
        Stored {
            begin,
            key: self.key.map(<[u8]>::len),
            value: self.value.map(<[u8]>::len),
            headers: (!self.headers.is_empty()).then(|| self.headers.into()),
            timestamp_ms: self.timestamp_ms,
        }
    }
}

impl<'a> From<&Record<'a>> for Parts<'a> {
    fn from(record: &Record<'a>) -> Self {
        Self {
            key: record.key,
            value: Some(record.value),
            headers: record.headers,
            timestamp_ms: record.timestamp_ms,
        }
    }
}

impl<'a> From<&'a MemoryRecord> for Parts<'a> {
    fn from(record: &'a MemoryRecord) -> Self {
        Self {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
            timestamp_ms: record.timestamp_ms,
        }
    }
}

impl From<Parts<'_>> for MemoryRecord {
    fn from(parts: Parts<'_>) -> Self {
        Self {
            key: parts.key.map(<[u8]>::to_vec),
            value: parts.value.map(<[u8]>::to_vec),
            headers: parts.headers.to_vec(),
            timestamp_ms: parts.timestamp_ms,
        }
    }
}

fn headers_size(headers: &[Header]) -> usize {
    // Each has two lengths of up to five bytes.
    headers.iter().map(|(n, v)| n.len() + v.len() + 10).sum()
}

/// What a log holds of a record beside the bytes of its key and, after them, its value.
#[derive(Clone)]
pub(super) struct Stored {
    /// How many bytes were in the log before it, with those that are gone.
    begin: u64,
    /// The key's length.
    key: Option<usize>,
    /// The value's length.
    value: Option<usize>,
    headers: Option<Arc<[Header]>>,
    timestamp_ms: i64,
}

impl Stored {
    /// How many bytes its key and its value are.
    pub(super) fn bytes(&self) -> usize {
        self.key.unwrap_or(0) + self.value.unwrap_or(0)
    }

    /// As [`Parts::size`].
    pub(super) fn size(&self) -> usize {
        self.bytes() + headers_size(self.headers())
    }

    pub(super) fn begin(&self) -> u64 {
        self.begin
    }

    pub(super) fn end(&self) -> u64 {
        self.begin + self.bytes() as u64
    }

    fn headers(&self) -> &[Header] {
        self.headers.as_deref().unwrap_or(&[])
    }

    /// The whole record, whose key begins `bytes`.
    fn parts<'a>(&'a self, bytes: &'a [u8]) -> Parts<'a> {
        let (key, rest) = bytes.split_at(self.key.unwrap_or(0));
        Parts {
            key: self.key.map(|_| key),
            value: self.value.map(|length| &rest[..length]),
            headers: self.headers(),
            timestamp_ms: self.timestamp_ms,
        }
    }
}

impl Headers for Stored {
    fn each(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self.headers() {
            visit(name, value);
        }
    }
}

/// Records that follow on each other, copied out of a log. Its reader fills it again and again, so
/// that it soon has the memory that it needs.
#[derive(Default)]
pub(super) struct Batch {
    /// The offset of the first record.
    first: i64,
    records: Vec<Stored>,
    bytes: Vec<u8>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
    }

    /// Takes some of these records, of which the first has the offset `first`, into an empty batch.
    /// `log` holds the bytes of all records from `origin` on.
    pub(super) fn fill(
        &mut self,
        first: i64,
        records: vec_deque::Iter<'_, Stored>,
        log: &VecDeque<u8>,
        origin: u64,
    ) {
        self.first = first;
        let mut bytes = 0;
        for stored in records.take(BATCH) {
            self.records.push(stored.clone());
            bytes += stored.bytes();
            if bytes >= BATCH_BYTES {
                break;
            }
        }
        if let Some(stored) = self.records.first() {
            // Less than the log has bytes.
            let begin = (stored.begin - origin) as usize;
            copy(log, begin..begin + bytes, &mut self.bytes);
        }
    }

    /// The offset after the last record, if there is one.
    pub(super) fn next(&self) -> Option<i64> {
        let count = i64::try_from(self.records.len()).unwrap_or(i64::MAX);
        (count > 0).then_some(self.first + count)
    }

    /// Whether it took as much as it does at once.
    pub(super) fn is_full(&self) -> bool {
        self.records.len() == BATCH || self.bytes.len() >= BATCH_BYTES
    }

    pub(super) fn records(&self, partition: u32) -> impl Iterator<Item = Incoming<'_>> {
        let mut rest = &*self.bytes;
        (self.first..)
            .zip(&self.records)
            .map(move |(offset, stored)| {
                let Parts {
                    key,
                    value,
                    timestamp_ms,
                    ..
                } = stored.parts(rest);
                rest = &rest[stored.bytes()..];
                Incoming {
                    partition,
                    offset,
                    timestamp_ms,
                    key,
                    value,
                    headers: stored,
                }
            })
    }
}

/// All records of a log, for tests to look at.
pub(super) fn all(records: &VecDeque<Stored>, log: &VecDeque<u8>) -> Vec<MemoryRecord> {
    let mut bytes = Vec::new();
    copy(log, 0..log.len(), &mut bytes);
    let mut rest = &*bytes;
    let whole = |stored: &Stored| {
        let record = stored.parts(rest).into();
        rest = &rest[stored.bytes()..];
        record
    };
    records.iter().map(whole).collect()
}

/// Appends a part of a ring to `to`.
fn copy(ring: &VecDeque<u8>, part: Range<usize>, to: &mut Vec<u8>) {
    let (head, tail) = ring.as_slices();
    let split = head.len();
    to.extend_from_slice(&head[part.start.min(split)..part.end.min(split)]);
    to.extend_from_slice(&tail[part.start.max(split) - split..part.end.max(split) - split]);
}
