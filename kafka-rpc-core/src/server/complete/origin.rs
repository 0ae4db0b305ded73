//! Where a command came from, and where its reply goes.

use std::sync::Arc;
use std::time::Instant;

use super::offsets::RecordRef;

/// Where a reply goes.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: u32,
}

/// What is kept of a command's record until the command ends.
pub(crate) struct Origin {
    pub(crate) record: RecordRef,
    /// The index of its service, among those of the group member.
    pub(crate) service: usize,
    /// The index of its method, among those of the service.
    pub(crate) method: usize,
    pub(crate) reply_to: Option<Address>,
    pub(crate) read_at: Instant,
}
