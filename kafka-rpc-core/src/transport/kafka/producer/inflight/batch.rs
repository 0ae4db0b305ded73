//! Records that are kept back, and go together.

use crate::transport::Record;

/// A buffer's memory is kept for the next batch if it is no more than this.
const SPARE_BYTES: usize = 64 << 10;

/// Records that are kept back, and their keys and values one after another.
#[derive(Default)]
pub(super) struct Buffer {
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

impl Buffer {
    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn push(&mut self, record: &Record<'_>, token: u64) {
        self.bytes.extend_from_slice(record.key.unwrap_or_default());
        self.bytes.extend_from_slice(record.value);
        self.records.push(Kept {
            key: record.key.map(<[u8]>::len),
            value: record.value.len(),
            headers: record.headers.to_vec(),
            timestamp_ms: record.timestamp_ms,
            token,
            urgent: record.urgent,
        });
    }

    /// Its memory, unless that is a burst's.
    pub(super) fn emptied(mut self) -> Self {
        if self.bytes.capacity() > SPARE_BYTES {
            return Self::default();
        }
        self.records.clear();
        self.bytes.clear();
        self
    }
}

/// What is handed over at once: records of one partition, in order.
pub(in crate::transport::kafka) struct Batch<'a> {
    topic: &'a str,
    partition: u32,
    buffer: &'a Buffer,
}

impl<'a> Batch<'a> {
    pub(super) const fn new(topic: &'a str, partition: u32, buffer: &'a Buffer) -> Self {
        Self {
            topic,
            partition,
            buffer,
        }
    }

    pub(in crate::transport::kafka) const fn topic(&self) -> &str {
        self.topic
    }

    pub(in crate::transport::kafka) const fn partition(&self) -> u32 {
        self.partition
    }

    pub(in crate::transport::kafka) const fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Each record and its token, in order.
    pub(in crate::transport::kafka) fn records(&self) -> impl Iterator<Item = (Record<'_>, u64)> {
        let mut rest = &self.buffer.bytes[..];
        self.buffer.records.iter().map(move |kept| {
            let (key, after) = rest.split_at(kept.key.unwrap_or(0));
            let (value, after) = after.split_at(kept.value);
            rest = after;
            let record = Record {
                topic: self.topic,
                partition: self.partition,
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
