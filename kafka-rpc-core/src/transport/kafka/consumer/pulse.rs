//! Feels whether the leaders of a member's partitions are there, and notes what it finds.
//!
//! Librdkafka tells nothing of a broker that keeps its connections and answers nothing, not before a
//! session has ended. So the thread that polls asks the leaders for the end offsets from time to time,
//! and goes on without waiting for their answers. What the group's coordinator answers to commits, or
//! doesn't, is known already.

use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::RDKafkaErrorCode;

use super::member::Shared;
use crate::transport::kafka::client::errors;
use crate::transport::kafka::ffi::{self, Found};
use crate::transport::{TransportError, TransportErrorKind};
use crate::util::sync::lock;

/// The number of these questions.
pub(super) const NUMBER: usize = usize::MAX;

/// The time between two questions. With the time that an answer may take, a broker that answers nothing is
/// noticed within four seconds.
const INTERVAL: Duration = Duration::from_millis(1_500);

/// How long a commit may be under way.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(4);

/// Asks, and reads what is answered; the part of the thread that polls.
#[derive(Default)]
pub(super) struct Pulse {
    last: Option<Instant>,
    /// The partitions whose ends are asked for; empty if no answer is to come.
    asked: Vec<i32>,
}

impl Pulse {
    /// Looks whether the group counts the member; says whether it does.
    pub(super) fn look<C: ConsumerContext>(
        consumer: &ffi::Consumer<C>,
        shared: &Shared,
        assigned: bool,
    ) -> bool {
        use rdkafka::consumer::Consumer as _;
        let client = consumer.client().client();
        let generation = ffi::generation(client).filter(|_| ffi::is_member(client));
        if assigned {
            answered(shared);
        }
        shared.known.count(generation, assigned)
    }

    /// Asks anew when it is time.
    pub(super) fn beat<C: ConsumerContext>(
        &mut self,
        consumer: &ffi::Consumer<C>,
        shared: &Shared,
    ) {
        let since = *lock(&shared.commit_since);
        if since.is_some_and(|since| since.elapsed() > COMMIT_TIMEOUT) {
            let whom = coordinator(shared);
            let message = format!("{whom} hasn't answered a commit for {COMMIT_TIMEOUT:?}");
            let silent = TransportError::new(TransportErrorKind::Unavailable, message);
            note(shared, Some(shared.events.explain(silent)), false);
        }
        if !self.asked.is_empty() || self.last.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        let mut owned = lock(&shared.partitions).owned();
        if owned.is_empty() {
            // That they answer is worth knowing all the same.
            owned.push(0);
        }
        // The logical end is what is asked for.
        let mut ends = shared.list(&owned);
        if ends.set_all_offsets(Offset::End).is_ok() {
            consumer.positions().ask_ends(&ends, NUMBER);
            self.asked = owned;
        }
    }

    /// Reads an answer.
    pub(super) fn take(&mut self, found: Found, shared: &Shared) {
        let asked = std::mem::take(&mut self.asked);
        let Some((ends, failed)) = found.ends(&asked) else {
            return;
        };
        shared.known.ends(ends, failed.is_none());
        let trouble = failed.map(|code| explain(code, shared));
        note(shared, trouble, true);
    }
}

/// The coordinator has answered.
pub(super) fn answered(shared: &Shared) {
    note(shared, None, false);
}

/// Notes why the leaders, or the coordinator, don't answer; `None` if they do.
fn note(shared: &Shared, trouble: Option<TransportError>, of_leaders: bool) {
    let before = shared.known.answer(of_leaders, trouble.clone());
    match (trouble, before) {
        (Some(trouble), _) => shared.sink.trouble(trouble),
        (None, Some(_)) => {
            let whom = if of_leaders {
                leaders(shared)
            } else {
                coordinator(shared)
            };
            tracing::info!(
                target: "kafka_rpc::librdkafka",
                group = shared.options.group, topic = shared.options.topic, "{whom} answers again"
            );
        }
        (None, None) => {}
    }
}

fn leaders(shared: &Shared) -> String {
    format!(
        "the leader of each partition of topic `{}`",
        shared.options.topic
    )
}

fn coordinator(shared: &Shared) -> String {
    format!("the coordinator of group `{}`", shared.options.group)
}

fn explain(code: RDKafkaErrorCode, shared: &Shared) -> TransportError {
    let whom = leaders(shared);
    let found = errors::from_code(&format!("{whom} can't be asked"), code);
    if found.kind == TransportErrorKind::Unavailable {
        let silent = format!("{whom} doesn't answer in time");
        let silent = TransportError::new(found.kind, silent);
        return shared.events.explain(silent);
    }
    found
}
