//! Looks reply topics up, and then goes on with the commands that wait for it.

use std::sync::Arc;
use std::time::Duration;

use super::member::Member;
use super::state::Transition;
use crate::server::admit::arrival::Arrival;
use crate::server::admit::pending_lookup::Kept;
use crate::transport::Work;
use crate::wire::{self, Envelope};

/// How long one look-up may take.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a look-up is tried, before what waits for it is refused.
const LOOK_UP_ATTEMPTS: usize = 3;

impl Member {
    /// Looks up how many partitions the reply topics have by now, and then goes on with the
    /// commands that wait for it.
    pub(super) fn look_up(self: &Arc<Self>) {
        let member = Arc::clone(self);
        self.env.shared.runtime.spawn(async move {
            let mut counts = Vec::new();
            for topic in member.env.admission.topics() {
                counts.push(member.count(&topic.name).await);
            }
            let inline = member.transition(|transition| {
                // While the state is locked, so that a later command of a key can't pass one that
                // waits.
                for (topic, count) in transition.env.admission.topics().zip(counts) {
                    topic.has(count);
                }
                for kept in transition.state.pending_lookup.take() {
                    transition.looked_up(kept);
                }
            });
            if let Some(run) = inline {
                run.run(true);
            }
        });
    }

    /// The number of partitions that a topic has by now; 0 if it isn't there, or can't be looked up.
    async fn count(&self, topic: &str) -> u32 {
        for _ in 0..LOOK_UP_ATTEMPTS {
            let transport = &self.env.shared.transport;
            match transport.partitions(topic, LOOK_UP_TIMEOUT).await {
                Ok(count) => return count.unwrap_or(0),
                Err(error) => {
                    if let Some(suppressed) = error.pass_throttle("look-up", topic) {
                        tracing::warn!(
                            target: "kafka_rpc::server", topic, %error, suppressed,
                            "can't look up a topic",
                        );
                    }
                }
            }
        }
        0
    }
}

impl Transition<'_> {
    /// Judges a command anew, after its reply topic has been looked up.
    fn looked_up(&mut self, kept: Kept) {
        let record = kept.record;
        if self.state.offsets.generation(record.partition) != Some(record.generation) {
            return;
        }
        if let Ok(Envelope::Command(command)) = wire::decode(&kept.value) {
            self.judge(Arrival {
                record,
                command: &command,
                value: &kept.value,
                headers: kept.headers,
                timestamp_ms: kept.timestamp_ms,
                read_at: self.env.shared.clock.now(),
                looked_up: true,
                lane: None,
            });
        }
    }
}
