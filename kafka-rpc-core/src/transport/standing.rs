//! How what was opened on a transport is at one moment.

use std::time::Duration;

use crate::transport::TransportError;

/// How a member of a group is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The group counts it as a member.
    pub accepted: bool,
    /// The group has given its static name to another member. It goes on as a dynamic one, and never
    /// takes the name back.
    pub fenced: bool,
    /// What keeps it from reading now.
    pub trouble: Option<TransportError>,
    /// How long its thread has done nothing but one thing.
    pub stuck: Duration,
    /// How far its partitions are, as of the last look.
    pub progress: Vec<Lag>,
}

/// How far a partition is, as its brokers said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The partition's number.
    pub partition: u32,
    /// The offset of the next record to be appended.
    pub end: i64,
    /// What the group has committed; `None` if nothing.
    pub committed: Option<i64>,
}

/// What is known of a topic that may break or weaken what calls rely on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicFacts {
    /// The topic's name.
    pub topic: String,
    /// Its settings; `None` where they may not be read. Without an entry, nothing is known of it.
    pub settings: Option<Vec<(String, String)>>,
    /// Whether records may be read.
    pub read: Permission,
    /// Whether records may be produced.
    pub write: Permission,
}

/// Whether something is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Permission {
    /// The broker doesn't tell.
    #[default]
    Unknown,
    /// It is.
    Allowed,
    /// It isn't.
    Denied,
}

impl TopicFacts {
    /// A topic of which nothing is known.
    #[must_use]
    pub fn unknown(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            ..Self::default()
        }
    }

    /// The value of a setting, if it is known.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        let settings = self.settings.as_ref()?;
        settings
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl From<bool> for Permission {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Allowed } else { Self::Denied }
    }
}
