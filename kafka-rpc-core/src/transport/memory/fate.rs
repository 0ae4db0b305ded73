//! What tests can ask for: fates of records, and access that is denied.

use crate::transport::TransportErrorKind;

/// What becomes of a record that is produced, other than being stored and acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The producer refuses it at once.
    Refused(TransportErrorKind),
    /// It is reported as certainly not stored.
    NotPersisted(TransportErrorKind),
    /// It isn't stored, and the outcome is reported as unknown.
    Lost,
    /// It is stored, but the acknowledgement is lost: the outcome is reported as unknown.
    Unacknowledged,
}

/// A kind of access to a topic that can be denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reading records.
    Read,
    /// Producing records.
    Write,
    /// Seeing that the topic exists.
    Describe,
    /// Creating the topic.
    Create,
    /// Joining a consumer group on the topic.
    Group,
}
