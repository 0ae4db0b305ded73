//! Where replies may be sent: each service's own results topic, and those that are allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::server::complete::origin::Address;

/// A topic that replies may be sent to.
#[derive(Debug)]
pub(crate) struct ReplyTopic {
    pub(crate) name: Arc<str>,
    /// How many partitions it had when that was last looked up; they only ever become more.
    partitions: AtomicU32,
}

/// Why a reply may not be sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The topic isn't allowed.
    Topic,
    /// The topic didn't have the partition when it was last looked up.
    Partition,
}

impl ReplyTopic {
    pub(crate) fn new(name: &str, partitions: u32) -> Self {
        Self {
            name: name.into(),
            partitions: AtomicU32::new(partitions),
        }
    }

    /// It was looked up, and has so many partitions.
    pub(crate) fn has(&self, partitions: u32) {
        self.partitions.fetch_max(partitions, Ordering::AcqRel);
    }

    /// The address of one of its partitions, as a reply needs it.
    pub(crate) fn address(&self, partition: u32) -> Result<Address, Refused> {
        if partition >= self.partitions.load(Ordering::Acquire) {
            return Err(Refused::Partition);
        }
        Ok(Address {
            topic: Arc::clone(&self.name),
            partition,
        })
    }
}
