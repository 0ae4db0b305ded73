//! Feels whether a member's group and its partitions' leaders are there, and notes what it finds.
//!
//! Librdkafka tells nothing of a broker that keeps its connections and answers nothing, not before a
//! session has ended. So the thread that polls asks small questions from time to time, and goes on
//! without waiting for their answers: the coordinator for what the group has committed, and the leaders
//! for the end offsets, which together are how far the group is behind.

use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::{Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};

use super::member::Shared;
use crate::transport::kafka::client::errors;
use crate::transport::kafka::ffi::{self, Answer};
use crate::transport::{TransportError, TransportErrorKind};
use crate::util::sync::lock;

/// The time between two questions.
const INTERVAL: Duration = Duration::from_millis(1_500);

/// How long an answer may take. With the interval, a broker that answers nothing is noticed within four
/// seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks, and reads what is answered; the part of the thread that polls.
#[derive(Default)]
pub(super) struct Pulse {
    last: Option<Instant>,
    /// How many answers are still to come.
    waits: u8,
}

impl Pulse {
    /// Looks whether the group counts the member; says whether it does.
    pub(super) fn look<C: ConsumerContext>(
        consumer: &ffi::Consumer<C>,
        shared: &Shared,
        assigned: bool,
    ) -> bool {
        let client = consumer.client().client();
        let generation = ffi::generation(client).filter(|_| ffi::is_member(client));
        shared.known.count(generation, assigned)
    }

    /// Reads the answers that have come, and asks anew when it is time.
    pub(super) fn beat<C: ConsumerContext>(
        &mut self,
        consumer: &ffi::Consumer<C>,
        shared: &Shared,
    ) {
        while let Some(answer) = consumer.answer() {
            self.waits = self.waits.saturating_sub(1);
            take(answer, shared);
        }
        if self.waits > 0 || self.last.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        let owned = self.ask_leaders(consumer, shared);
        let group = &shared.options.group;
        self.asked(
            consumer.ask_committed(group, &shared.list(&owned), PATIENCE),
            shared,
        );
    }

    /// Asks for the end offsets of what the member owns; returns what it has asked about.
    fn ask_leaders<C: ConsumerContext>(
        &mut self,
        consumer: &ffi::Consumer<C>,
        shared: &Shared,
    ) -> Vec<i32> {
        let mut owned = lock(&shared.partitions).owned();
        if owned.is_empty() {
            // That they answer is worth knowing all the same.
            owned.push(0);
        }
        // The logical end is what is asked for.
        let mut ends = shared.list(&owned);
        let ends = ends
            .set_all_offsets(Offset::End)
            .and_then(|()| consumer.ask_ends(&ends, PATIENCE));
        self.asked(ends, shared);
        owned
    }

    fn asked(&mut self, asked: KafkaResult<()>, shared: &Shared) {
        match asked {
            Ok(()) => self.waits = self.waits.saturating_add(1),
            Err(error) => shared.trouble(&error),
        }
    }
}

fn take(answer: Answer, shared: &Shared) {
    let (offsets, failed, of_leaders) = match answer {
        Answer::Ends(offsets, failed) => (offsets, failed, true),
        Answer::Committed(offsets, failed) => (offsets, failed, false),
    };
    let trouble = failed.map(|code| explain(code, shared, of_leaders));
    let before = shared.known.answer(of_leaders, offsets, trouble.clone());
    let group = &shared.options.group;
    match trouble {
        Some(trouble) => shared.sink.trouble(trouble),
        None if before.is_some() => tracing::info!(
            target: "kafka_rpc::librdkafka", group, topic = shared.options.topic,
            "{} again", if of_leaders { "the partitions' leaders answer" } else { "the group's coordinator answers" }
        ),
        None => {}
    }
}

fn explain(code: RDKafkaErrorCode, shared: &Shared, of_leaders: bool) -> TransportError {
    let whom = if of_leaders {
        format!("the leaders of topic `{}`", shared.options.topic)
    } else {
        format!("the coordinator of group `{}`", shared.options.group)
    };
    let found = errors::from_code(&format!("{whom} can't be asked"), code);
    if found.kind == TransportErrorKind::Unavailable {
        let within = format!("{whom} didn't answer within {PATIENCE:?}");
        return shared
            .events
            .explain(TransportError::new(found.kind, within));
    }
    found
}
