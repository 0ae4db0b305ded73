//! Keeps commands whose reply partition isn't known until their reply topic has been looked up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::server::admit::intake::Arrival;
use crate::server::complete::offsets::Ticket;
use crate::server::group::member::{Effects, Member, State};
use crate::transport::Work;
use crate::util::sync::lock;
use crate::util::throttle;
use crate::wire::{self, Envelope};

/// How many commands may wait for a look-up of their reply topic.
const MAX_PARKED: usize = 1_024;
/// How many bytes of them.
const MAX_PARKED_BYTES: usize = 16 << 20;
/// The pause between two look-ups, which peers can provoke.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);
const LOOK_UP_PATIENCE: Duration = Duration::from_secs(5);
/// How often a look-up is tried, before what waits for it is refused.
const LOOK_UP_ATTEMPTS: usize = 3;

/// A command that waits until its reply topic has been looked up.
pub(in crate::server) struct Parked {
    pub(in crate::server) ticket: Ticket,
    pub(in crate::server) value: Vec<u8>,
    pub(in crate::server) headers: Vec<(String, Vec<u8>)>,
    pub(in crate::server) timestamp_ms: i64,
}

impl Member {
    /// Keeps a command until its reply topic has been looked up; `false` if that isn't to be done.
    pub(in crate::server) fn park(
        &self,
        state: &mut State,
        arrival: &Arrival<'_>,
        effects: &mut Effects,
    ) -> bool {
        if arrival.again || state.parked.len() >= MAX_PARKED {
            return false;
        }
        let bytes: usize = state.parked.iter().map(|parked| parked.value.len()).sum();
        if bytes + arrival.value.len() > MAX_PARKED_BYTES {
            return false;
        }
        if state.parked.is_empty() {
            let now = arrival.read_at;
            let lately = |at| now.saturating_duration_since(at) < LOOK_UP_PAUSE;
            if state.looked_up.is_some_and(lately) {
                return false;
            }
            state.looked_up = Some(now);
            effects.look_up = true;
        }
        state.parked.push_back(Parked {
            ticket: arrival.ticket,
            value: arrival.value.to_vec(),
            headers: arrival.headers.clone(),
            timestamp_ms: arrival.timestamp_ms,
        });
        true
    }

    /// Looks up how many partitions the reply topics have by now, and then goes on with the
    /// commands that wait for it.
    pub(in crate::server) fn look_up(self: &Arc<Self>) {
        let member = Arc::clone(self);
        self.shared.runtime.spawn(async move {
            let mut counts = Vec::new();
            for topic in member.admission.topics() {
                counts.push(member.count(&topic.name).await);
            }
            let mut effects = Effects::default();
            {
                let state = &mut *lock(&member.state);
                // While the state is locked, so that a later command of a key can't pass a parked
                // one.
                for (topic, count) in member.admission.topics().zip(counts) {
                    topic.partitions.fetch_max(count, Ordering::AcqRel);
                }
                for parked in std::mem::take(&mut state.parked) {
                    member.unpark(state, parked, &mut effects);
                }
            }
            if let Some(run) = member.apply(effects) {
                run.run(true);
            }
        });
    }

    /// The number of partitions that a topic has by now; 0 if it isn't there, or can't be looked up.
    async fn count(&self, topic: &str) -> u32 {
        for _ in 0..LOOK_UP_ATTEMPTS {
            let transport = &self.shared.transport;
            match transport.partitions(topic, LOOK_UP_PATIENCE).await {
                Ok(count) => return count.unwrap_or(0),
                Err(error) => {
                    if let Some(suppressed) = throttle::pass_error("look-up", topic, &error) {
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

    fn unpark(self: &Arc<Self>, state: &mut State, parked: Parked, effects: &mut Effects) {
        let Parked { ticket, .. } = parked;
        if state.partitions.generation(ticket.partition) != Some(ticket.generation) {
            return;
        }
        if state.stopping {
            return state.partitions.give_up(ticket);
        }
        if let Ok(Envelope::Command(command)) = wire::decode(&parked.value) {
            let arrival = Arrival {
                ticket,
                command: &command,
                value: &parked.value,
                headers: parked.headers,
                timestamp_ms: parked.timestamp_ms,
                read_at: self.shared.clock.now(),
                read_at_us: self.shared.clock.wall_us(),
                again: true,
            };
            self.consider(state, arrival, effects);
        }
    }
}
