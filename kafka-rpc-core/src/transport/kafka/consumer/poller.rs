//! The consumer of a group member, and what its thread does besides reading.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;

use super::assign::Questions;
use super::burst::Burst;
use super::commit;
use super::leave::Leaving;
use super::member::Shared;
use super::member::number;
use super::rebalance::Context;
use crate::transport::kafka::ffi::{self, Polled};
use crate::transport::{GroupOptions, Incoming, TransportError, TransportErrorKind, Work};
use crate::util::sync::lock;
use crate::util::throttle;

/// How long one poll waits: how soon the thread sees that it is to leave or to commit.
pub(super) const ROUND: Duration = Duration::from_millis(100);

/// The same for the rest of a partial batch.
const PARTIAL_BATCH_ROUND: Duration = Duration::from_millis(1);

/// The same while the member leaves.
const LEAVING_ROUND: Duration = Duration::from_millis(2);

/// The same while paused, so that a resumption is seen soon.
const PAUSED_ROUND: Duration = Duration::from_millis(5);

/// The time between two commits.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// The pause between two attempts to get partitions of the right topic.
const REJOIN_PAUSE: Duration = Duration::from_secs(5);

/// The member's consumer, and what is to be done besides reading.
pub(super) struct Poller {
    pub(super) consumer: ffi::Consumer<Context>,
    burst: Burst,
    committed: Instant,
    rejoined: Option<Instant>,
    questions: Questions,
    leaving: Option<Leaving>,
}

impl Poller {
    pub(super) fn new(consumer: ffi::Consumer<Context>) -> Self {
        Self {
            consumer,
            burst: Burst::default(),
            committed: Instant::now(),
            rejoined: None,
            questions: Questions::default(),
            leaving: None,
        }
    }

    /// Polls until a record leads to work, and says whether that came alone; `None` when the member
    /// has left or is done for.
    pub(super) fn next(&mut self, shared: &Shared) -> Option<(Box<dyn Work>, bool)> {
        loop {
            // What librdkafka gave out, it won't give out again: it is handed on before anything else.
            if self.consumer.is_handed_on() {
                if shared.rebalanced.swap(false, Ordering::AcqRel) {
                    self.questions.ask(&self.consumer, shared);
                }
                self.questions.go_on(&self.consumer, shared);
                if shared.leaving.is_open() && self.leave(shared) {
                    shared.sink.flush();
                    return None;
                }
                if self.committed.elapsed() >= COMMIT_INTERVAL {
                    self.committed = Instant::now();
                    commit::note(shared);
                    commit::begin(self.consumer.client(), shared);
                    self.rejoin(shared);
                }
            }
            // Without waiting first: what was held back goes when nothing more is there.
            let mut polled = self.poll(shared, Duration::ZERO);
            if matches!(polled, Polled::Nothing) && self.burst.is_partial_batch(Instant::now) {
                polled = self.poll(shared, PARTIAL_BATCH_ROUND);
            }
            if matches!(polled, Polled::Nothing) {
                self.burst.end(Instant::now);
                shared.sink.flush();
                let round = if self.leaving.is_some() {
                    LEAVING_ROUND
                } else {
                    ROUND
                };
                polled = self.poll(shared, round);
            }
            match polled {
                Polled::Nothing | Polled::Record(None) => {}
                Polled::Foreign => shared.misassigned.store(true, Ordering::Release),
                Polled::Record(Some(work)) => {
                    let alone = self.burst.is_single(Instant::now) && self.consumer.is_empty();
                    return Some((work, alone));
                }
                Polled::Error(error @ KafkaError::MessageConsumptionFatal(_)) => {
                    give_up(shared, &error);
                    return None;
                }
                Polled::Error(error) => shared.trouble(&error),
            }
        }
    }

    pub(super) fn poll(
        &mut self,
        shared: &Shared,
        wait: Duration,
    ) -> Polled<Option<Box<dyn Work>>> {
        let burst = &mut self.burst;
        let hand_on = |record: Incoming<'_>| {
            burst.record();
            shared.sink.record(record)
        };
        // What librdkafka gave out is handed on even so.
        if shared.paused.load(Ordering::Acquire) && self.consumer.is_handed_on() {
            let wait = wait.min(PAUSED_ROUND);
            return self.consumer.poll_events(wait, hand_on);
        }
        self.consumer.poll(wait, hand_on)
    }

    /// Goes on to leave; says whether the member has left.
    fn leave(&mut self, shared: &Shared) -> bool {
        let client = self.consumer.client();
        let begin = || Leaving::begin(client, shared);
        self.leaving.get_or_insert_with(begin).go_on(client, shared)
    }

    /// Joins the group anew where it has assigned another topic's partitions, as it does to a static
    /// member that was there before with another subscription. That isn't asked for anew until it has
    /// left, whatever it subscribes to.
    fn rejoin(&mut self, shared: &Shared) {
        let lately = |at: Instant| at.elapsed() < REJOIN_PAUSE;
        if !shared.misassigned.load(Ordering::Acquire) || self.rejoined.is_some_and(lately) {
            return;
        }
        shared.misassigned.store(false, Ordering::Release);
        self.rejoined = Some(Instant::now());
        let GroupOptions { group, topic, .. } = &shared.options;
        if let Some(suppressed) = throttle::pass(format_args!("foreign topic: {group}/{topic}")) {
            tracing::warn!(
                target: "kafka_rpc::librdkafka",
                group,
                topic,
                suppressed,
                "the group assigned partitions of another topic, which are left alone; the member joins \
                 it anew"
            );
        }
        let client = self.consumer.client();
        client.unsubscribe();
        shared.joined.store(false, Ordering::Release);
        if let Err(error) = client.subscribe(&[&shared.options.topic]) {
            shared.trouble(&error);
        }
    }
}

/// Another member has taken this one's name: the group won't hear of it again.
fn give_up(shared: &Shared, error: &KafkaError) {
    shared.sink.flush();
    let lost = {
        let mut partitions = lock(&shared.partitions);
        let owned = partitions.owned();
        partitions.give_up(&owned)
    };
    let lost: Vec<u32> = lost.into_iter().map(number).collect();
    if !lost.is_empty() {
        shared.sink.lost(&lost);
    }
    shared.sink.trouble(TransportError::new(
        TransportErrorKind::Closed,
        format!(
            "the member of the group {} has ended: {error}",
            shared.options.group
        ),
    ));
}
