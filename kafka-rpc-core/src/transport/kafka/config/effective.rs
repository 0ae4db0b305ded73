//! The librdkafka settings that clients are made with, to be looked at.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;

use crate::transport::kafka::config::defaults;

/// What [`Kafka::effective_settings`](crate::transport::kafka::Kafka::effective_settings) returns: the settings of each
/// kind of client. It displays as lines of `role key=value`, in order; secrets are shown as `***`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSettings(BTreeMap<Role, BTreeMap<String, String>>);

/// A kind of librdkafka client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Sends a client's commands.
    CommandProducer,
    /// Sends a server's replies. A reply may be in the log twice, and its caller drops the second one.
    ReplyProducer,
    /// Reads a client's replies.
    Listener,
    /// Reads a server's commands, as a member of its group.
    Member,
}

impl EffectiveSettings {
    pub(in crate::transport::kafka) fn new(roles: [(Role, ClientConfig); 4]) -> Self {
        let shown = |config: &ClientConfig| {
            let settings = config.config_map().into_iter();
            settings
                .map(|(key, value)| (key.to_owned(), defaults::shown(key, value).to_owned()))
                .collect()
        };
        let roles = roles.iter();
        Self(roles.map(|(role, config)| (*role, shown(config))).collect())
    }

    /// The value of one setting; none if it is left to librdkafka's own default.
    #[must_use]
    pub fn get(&self, role: Role, key: &str) -> Option<&str> {
        self.0.get(&role)?.get(key).map(String::as_str)
    }

    /// All settings, by role and name.
    pub fn iter(&self) -> impl Iterator<Item = (Role, &str, &str)> {
        self.0.iter().flat_map(|(role, settings)| {
            let settings = settings.iter();
            settings.map(|(key, value)| (*role, key.as_str(), value.as_str()))
        })
    }
}

impl fmt::Display for EffectiveSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (role, key, value) in self.iter() {
            writeln!(f, "{role} {key}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CommandProducer => "command-producer",
            Self::ReplyProducer => "reply-producer",
            Self::Listener => "listener",
            Self::Member => "member",
        })
    }
}
