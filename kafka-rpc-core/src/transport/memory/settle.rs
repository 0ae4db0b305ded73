//! What becomes of a record that is produced.

use std::sync::Arc;

use super::faults::{Access, Fate};
use super::log::{MemoryRecord, headers_size};
use super::node::{Node, Waiting};
use super::producer::Reports;
use super::state::{State, unknown_topic};
use crate::transport::{Delivery, Record, TransportError, TransportErrorKind};

/// How many records of one node wait while it isn't connected; librdkafka's default.
const QUEUE_LIMIT: usize = 100_000;

/// What librdkafka adds at most to a record's key, value and headers when it checks the size.
const RECORD_OVERHEAD: usize = 36;

fn injected(kind: TransportErrorKind, topic: &str) -> TransportError {
    TransportError::new(kind, format!("a fault of topic {topic} ({kind:?})"))
}

impl State {
    pub(super) fn produce(
        &mut self,
        node: &Node,
        reports: &Arc<Reports>,
        record: Record<'_>,
        token: u64,
    ) -> Result<(), TransportError> {
        let Record {
            topic, partition, ..
        } = record;
        if node.crashed() {
            let message = format!("{} has crashed", node.name);
            return Err(TransportError::new(TransportErrorKind::Closed, message));
        }
        self.check_size(&record)?;
        if partition >= self.partitions(topic)? {
            return Err(unknown_topic(topic, Some(partition)));
        }
        let stored = MemoryRecord {
            key: record.key.map(<[u8]>::to_vec),
            value: Some(record.value.to_vec()),
            headers: record.headers.to_vec(),
            timestamp_ms: record.timestamp_ms,
        };
        let mut fate = None;
        if !node.connected() {
            let link = self.link(node);
            fate = link.while_cut.filter(|_| !node.frozen());
            if fate.is_none() {
                if link.waiting.len() >= QUEUE_LIMIT {
                    return Err(TransportError::new(
                        TransportErrorKind::QueueFull,
                        format!("{} has {QUEUE_LIMIT} records waiting to be sent", node.name),
                    ));
                }
                link.waiting.push_back(Waiting {
                    ticket: reports.ticket(token),
                    topic: topic.to_owned(),
                    partition,
                    record: stored,
                });
                return Ok(());
            }
        }
        let delivery = self.settle(topic, partition, stored, fate)?;
        reports.push(token, delivery);
        Ok(())
    }

    fn check_size(&self, record: &Record<'_>) -> Result<(), TransportError> {
        let size = record.key.map_or(0, <[u8]>::len)
            + record.value.len()
            + headers_size(record.headers)
            + RECORD_OVERHEAD;
        let limit = self.max_record_bytes;
        if size <= limit {
            return Ok(());
        }
        Err(TransportError::new(
            TransportErrorKind::TooLarge,
            format!("a record of {size} bytes is above the limit of {limit} bytes"),
        ))
    }

    /// Decides what becomes of a record, and appends it if it is to be stored.
    pub(super) fn settle(
        &mut self,
        topic: &str,
        partition: u32,
        record: MemoryRecord,
        fate: Option<Fate>,
    ) -> Result<Delivery, TransportError> {
        if let Err(error) = self.check_access(topic, Access::Write) {
            return Ok(Delivery::NotPersisted(error));
        }
        let fate = fate.or_else(|| self.topics.get_mut(topic)?.fates.pop_front());
        let unacknowledged = || {
            let message = format!("the acknowledgement of a record in topic {topic} was lost");
            Delivery::Unknown(TransportError::new(
                TransportErrorKind::Unavailable,
                message,
            ))
        };
        match fate {
            Some(Fate::Refused(kind)) => return Err(injected(kind, topic)),
            Some(Fate::NotPersisted(kind)) => {
                return Ok(Delivery::NotPersisted(injected(kind, topic)));
            }
            Some(Fate::Lost) => return Ok(unacknowledged()),
            Some(Fate::Unacknowledged) | None => {}
        }
        Ok(match self.append(topic, partition, record) {
            Err(error) => Delivery::NotPersisted(error),
            Ok(_) if fate.is_some() => unacknowledged(),
            Ok(_) => Delivery::Persisted,
        })
    }

    /// Takes back what waits for a producer that is closed.
    pub(super) fn abandon(&mut self, node: &Node, reports: &Arc<Reports>) -> Vec<Waiting> {
        let waiting = &mut self.link(node).waiting;
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(waiting)
            .into_iter()
            .partition(|waiting| waiting.ticket.belongs_to(reports));
        *waiting = others.into();
        own
    }
}
