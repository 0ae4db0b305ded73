//! What is known of calls: the live ones, those that ended, those that were given up early, and those
//! of another owner's partitions that run here, or of ours that run elsewhere.
//!
//! All of it is plain state of a group member, behind the member's lock.

pub(crate) mod cancel;
pub(crate) mod duplicates;
pub(crate) mod elsewhere;
pub(crate) mod handed_over;
pub(crate) mod live;

use crate::wire::CallId;

/// A call of one method, in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallKey {
    pub(crate) call_id: CallId,
    pub(crate) partition: u32,
    /// The index of its service, among those of the group member.
    pub(crate) service: usize,
    /// The index of its method, among those of the service.
    pub(crate) method: usize,
}
