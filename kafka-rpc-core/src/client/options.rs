//! What a client is set to.

use std::time::Duration;

use crate::service::topics::TopicSettings;

#[derive(Clone, Debug)]
pub(super) struct Options {
    /// How long a call may take where neither it nor its method says so.
    pub(super) timeout: Duration,
    pub(super) max_in_flight: usize,
    /// `None` for one that the client's random id chooses.
    pub(super) results_partition: Option<u32>,
    /// How to create missing topics; `None` if they aren't created.
    pub(super) create_topics: Option<TopicSettings>,
    pub(super) topic_prefix: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_in_flight: 16_384,
            results_partition: None,
            create_topics: None,
            topic_prefix: String::new(),
        }
    }
}
