//! Which broker leads what, and how many replicas a topic demands.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ConfigSource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::groups::GroupMemberInfo;

use crate::topics::block_on;

const PATIENCE: Duration = Duration::from_secs(20);
const OFFSETS: &str = "__consumer_offsets";
const MIN_INSYNC: &str = "min.insync.replicas";

/// Asks and sets up a cluster.
pub(super) struct Brokers(AdminClient<DefaultClientContext>);

impl Brokers {
    pub(super) fn connect(bootstrap: &str) -> Result<Self, String> {
        let client = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .create();
        client.map(Self).map_err(|error| error.to_string())
    }

    /// The node that leads a partition.
    pub(super) fn leader(&self, topic: &str, partition: usize) -> Result<usize, String> {
        let leaders = self.leaders(topic)?;
        leaders
            .get(partition)
            .copied()
            .flatten()
            .ok_or_else(|| format!("partition {partition} of {topic} has no leader"))
    }

    /// The node that coordinates a group.
    pub(super) fn coordinator(&self, group: &str) -> Result<usize, String> {
        let partitions = self.leaders(OFFSETS)?.len();
        let partition = java_hash(group).unsigned_abs() as usize % partitions.max(1);
        self.leader(OFFSETS, partition)
    }

    /// Whether a group has so many members, each with partitions, and isn't about to share them out anew.
    pub(super) fn is_settled(&self, group: &str, members: usize) -> bool {
        let groups = self.0.inner().fetch_group_list(Some(group), PATIENCE);
        groups.is_ok_and(|groups| {
            groups.groups().iter().any(|group| {
                let assignments = group.members().iter().map(GroupMemberInfo::assignment);
                let with_partitions = assignments.filter(|assignment| has_topics(*assignment));
                group.state() == "Stable" && with_partitions.count() == members
            })
        })
    }

    /// The leaders of a topic's partitions.
    fn leaders(&self, topic: &str) -> Result<Vec<Option<usize>>, String> {
        let metadata = self.0.inner().fetch_metadata(Some(topic), PATIENCE);
        let metadata = metadata.map_err(|error| error.to_string())?;
        let topic = metadata.topics().first().ok_or("there is no such topic")?;
        let leaders = topic.partitions().iter();
        Ok(leaders
            .map(|partition| usize::try_from(partition.leader()).ok())
            .collect())
    }

    /// Sets how many replicas must have a record before it counts as written. What else the topic
    /// was created with stays.
    pub(super) fn demand_replicas(&self, topic: &str, replicas: usize) -> Result<(), String> {
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let resource = ResourceSpecifier::Topic(topic);
        let described = block_on(self.0.describe_configs([&resource], &options))
            .map_err(|error| error.to_string())?;
        let described = described.into_iter().next().ok_or("no answer")?;
        let described = described.map_err(|code| code.to_string())?;
        let replicas = replicas.to_string();
        // Setting one forgets all others that were set, unless they are named as well.
        let mut config = AlterConfig::new(resource);
        for entry in &described.entries {
            if let (ConfigSource::DynamicTopic, Some(value)) = (&entry.source, &entry.value) {
                config = config.set(&entry.name, value);
            }
        }
        let altered = block_on(
            self.0
                .alter_configs([&config.set(MIN_INSYNC, &replicas)], &options),
        )
        .map_err(|error| error.to_string())?;
        match altered.into_iter().next() {
            Some(Err((_, code))) => Err(code.to_string()),
            _ => Ok(()),
        }
    }
}

/// Whether a member's assignment names a topic: after two bytes for the version it says how many.
fn has_topics(assignment: Option<&[u8]>) -> bool {
    let count = assignment.and_then(|bytes| bytes.get(2..6));
    count.is_some_and(|count| count.iter().any(|byte| *byte != 0))
}

/// `String.hashCode` of Java, by which a group's partition is chosen.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::{has_topics, java_hash};

    #[test]
    fn an_assignment_without_topics_is_told_from_one_with_some() {
        assert!(!has_topics(None));
        assert!(!has_topics(Some(&[0, 1, 0, 0, 0, 0, 255, 255, 255, 255])));
        assert!(has_topics(Some(&[
            0, 1, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 0
        ])));
    }

    #[test]
    fn hashes_are_those_of_java() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
    }
}
