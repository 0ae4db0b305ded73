//! The partitions that a producer has produced to, by topic and by number.

use std::sync::Arc;

use crate::transport::kafka::producer::inflight::batch::Buffer;
use crate::transport::{TransportError, TransportErrorKind};
use crate::util::lock_order::PARTITION_IN_FLIGHT;
use crate::util::sync::{Mutex, RwLock, read, write};

/// What is in flight to one partition, and what is kept back.
pub(super) struct Partition {
    pub(super) topic: Box<str>,
    pub(super) partition: u32,
    pub(super) state: Mutex<State, PARTITION_IN_FLIGHT>,
}

#[derive(Default)]
pub(super) struct State {
    /// Handed to librdkafka, and not reported.
    pub(super) unacked: usize,
    pub(super) kept: Buffer,
    /// What was kept back is being handed over.
    pub(super) releasing: bool,
    /// Memory for the next batch.
    pub(super) spare: Buffer,
}

impl State {
    pub(super) const fn is_full(&self, max_unacked: usize) -> bool {
        self.unacked >= max_unacked || self.releasing || !self.kept.is_empty()
    }
}

#[derive(Default)]
pub(super) struct Partitions(RwLock<Table>);

#[derive(Default)]
struct Table {
    /// The numbers by topic, of which there are few, and partition.
    topics: Vec<(Box<str>, Vec<Option<u16>>)>,
    /// By number.
    partitions: Vec<Arc<Partition>>,
}

impl Partitions {
    pub(super) fn all(&self) -> Vec<Arc<Partition>> {
        read(&self.0).partitions.clone()
    }

    pub(super) fn at(&self, number: u16) -> Option<Arc<Partition>> {
        let table = read(&self.0);
        table.partitions.get(usize::from(number)).map(Arc::clone)
    }

    /// A partition with its number, which it gets here if it has none.
    ///
    /// # Errors
    /// There are more partitions than numbers.
    pub(super) fn of(
        &self,
        topic: &str,
        partition: u32,
    ) -> Result<(u16, Arc<Partition>), TransportError> {
        let index = partition as usize;
        {
            let table = read(&self.0);
            let known = table.topics.iter().find(|(name, _)| **name == *topic);
            if let Some(Some(number)) = known.and_then(|(_, numbers)| numbers.get(index)) {
                let partition = &table.partitions[usize::from(*number)];
                return Ok((*number, Arc::clone(partition)));
            }
        }
        let mut table = write(&self.0);
        let Table { topics, partitions } = &mut *table;
        let Ok(number) = u16::try_from(partitions.len()) else {
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
        if usize::from(number) == partitions.len() {
            partitions.push(Arc::new(Partition {
                topic: topic.into(),
                partition,
                state: Mutex::default(),
            }));
        }
        Ok((number, Arc::clone(&partitions[usize::from(number)])))
    }
}
