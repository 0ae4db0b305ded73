//! What becomes of a record that is produced.

use std::sync::Arc;

use crate::transport::memory::fate::{Access, Fate};
use crate::transport::memory::link::Waiting;
use crate::transport::memory::log::Topic;
use crate::transport::memory::node::Node;
use crate::transport::memory::record::Parts;
use crate::transport::memory::reports::Reports;
use crate::transport::memory::state::{State, refusal, unknown_topic};
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
        let parts = Parts::from(&record);
        check_size(parts.size() + RECORD_OVERHEAD, self.max_record_bytes)?;
        let Some(found) = self.topics.get_mut(topic) else {
            return Err(unknown_topic(topic, None));
        };
        if partition >= found.count() {
            return Err(unknown_topic(topic, Some(partition)));
        }
        let mut fate = None;
        if !node.connected() {
            let link = &mut self.links[node.id];
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
                    record: parts.into(),
                });
                return Ok(());
            }
        }
        let delivery = match refusal(&self.denied, topic, Access::Write) {
            Some(error) => Delivery::NotPersisted(error),
            None => found.settle(topic, partition, parts, fate, self.max_log_bytes)?,
        };
        reports.push(token, delivery);
        Ok(())
    }

    /// Decides what becomes of a record that has waited.
    pub(super) fn settle_waiting(&mut self, waiting: Waiting) {
        let Waiting {
            ticket,
            topic,
            partition,
            record,
        } = waiting;
        let settled = match self.check_access(&topic, Access::Write) {
            Err(error) => Err(error),
            Ok(()) => match self.topics.get_mut(&topic) {
                None => Err(unknown_topic(&topic, None)),
                Some(found) => {
                    let limit = self.max_log_bytes;
                    found.settle(&topic, partition, (&record).into(), None, limit)
                }
            },
        };
        ticket.report(settled.unwrap_or_else(Delivery::NotPersisted));
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

fn check_size(size: usize, limit: usize) -> Result<(), TransportError> {
    if size <= limit {
        return Ok(());
    }
    Err(TransportError::new(
        TransportErrorKind::TooLarge,
        format!("a record of {size} bytes is above the limit of {limit} bytes"),
    ))
}

impl Topic {
    /// Decides what becomes of a record, and appends it if it is to be stored.
    fn settle(
        &mut self,
        name: &str,
        partition: u32,
        parts: Parts<'_>,
        fate: Option<Fate>,
        limit: usize,
    ) -> Result<Delivery, TransportError> {
        let fate = fate.or_else(|| self.fates.pop_front());
        let unacknowledged = || {
            let message = format!("the acknowledgement of a record in topic {name} was lost");
            Delivery::Unknown(TransportError::new(
                TransportErrorKind::Unavailable,
                message,
            ))
        };
        match fate {
            Some(Fate::Refused(kind)) => return Err(injected(kind, name)),
            Some(Fate::NotPersisted(kind)) => {
                return Ok(Delivery::NotPersisted(injected(kind, name)));
            }
            Some(Fate::Lost) => return Ok(unacknowledged()),
            Some(Fate::Unacknowledged) | None => {}
        }
        Ok(match self.append(partition, parts, limit) {
            None => Delivery::NotPersisted(unknown_topic(name, Some(partition))),
            Some(_) if fate.is_some() => unacknowledged(),
            Some(_) => Delivery::Persisted,
        })
    }
}
