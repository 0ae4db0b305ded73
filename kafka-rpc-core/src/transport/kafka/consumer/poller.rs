//! The consumer of a group member, and what its thread does besides reading.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::acceptance::{self, GroupState};
use super::assign::Questions;
use super::burst::Burst;
use super::commit;
use super::identity::{self, Identity};
use super::leave::Leaving;
use super::member::Shared;
use super::pulse::{self, Pulse};
use super::rebalance::Context;
use crate::transport::kafka::ffi::{self, Polled};
use crate::transport::{GroupOptions, Incoming, Work};
use crate::util::sync::lock;
use crate::util::throttle;

/// How long one poll waits: how soon the thread sees that it is to leave or to commit.
pub(super) const ROUND: Duration = Duration::from_millis(100);

/// The same for the rest of a partial batch.
const PARTIAL_BATCH_ROUND: Duration = Duration::from_millis(1);

/// The same while somebody waits for the member to be accepted, which nothing may announce.
const JOINING_ROUND: Duration = Duration::from_millis(10);

/// How long a second round may take to begin, in which a new member gets what others have given up.
const SECOND_ROUND: Duration = Duration::from_millis(1_500);

/// How long the coordinator may take to say how a group is that hasn't accepted a member in time.
const LAST_QUESTION: Duration = Duration::from_millis(300);

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
    pulse: Pulse,
    identity: Identity,
    /// Since when the group counts the member, and has given it nothing.
    empty_handed: Option<Instant>,
}

/// What came of a turn at polling.
pub(super) enum Turn {
    /// A record that leads to work, and whether it came alone.
    Work(Box<dyn Work>, bool),
    /// The member has left.
    Left,
    /// The consumer has failed for good, with this code.
    Failed(RDKafkaErrorCode),
    /// The topic was deleted, and its name is another one's now.
    Replaced,
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
            pulse: Pulse::default(),
            identity: Identity::default(),
            empty_handed: None,
        }
    }

    /// Polls until a record leads to work, or nothing more can come.
    pub(super) fn next(&mut self, shared: &Shared) -> Turn {
        loop {
            let joining = shared.acceptance.is_pending();
            if joining {
                self.join(shared);
            }
            // What librdkafka gave out, it won't give out again: it is handed on before anything else.
            if self.consumer.is_handed_on() {
                if shared.rebalanced.swap(false, Ordering::AcqRel) {
                    self.questions.ask(&self.consumer, shared);
                }
                while let Some(answer) = self.consumer.positions().answer() {
                    if answer.number == pulse::NUMBER {
                        self.pulse.take(answer.found, shared);
                    } else if answer.number == identity::NUMBER {
                        if self.identity.take(&answer.found) {
                            return Turn::Replaced;
                        }
                    } else {
                        self.questions.take(answer, &self.consumer, shared);
                    }
                }
                self.questions.go_on(&self.consumer, shared);
                if shared.leaving.is_open() && self.leave(shared) {
                    shared.sink.flush();
                    return Turn::Left;
                }
                if self.committed.elapsed() >= COMMIT_INTERVAL {
                    self.committed = Instant::now();
                    shared.known.turn();
                    self.look(shared);
                    self.pulse.beat(&self.consumer, shared);
                    let topic = &shared.options.topic;
                    self.identity.ask(self.consumer.positions(), topic);
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
                let round = match &self.leaving {
                    Some(_) => LEAVING_ROUND,
                    None if joining => JOINING_ROUND,
                    None => ROUND,
                };
                polled = self.poll(shared, round);
            }
            match polled {
                Polled::Nothing | Polled::Record(None) => {}
                Polled::Foreign => shared.misassigned.store(true, Ordering::Release),
                Polled::Record(Some(work)) => {
                    let alone = self.burst.is_single(Instant::now) && self.consumer.is_empty();
                    return Turn::Work(work, alone);
                }
                Polled::Error(KafkaError::MessageConsumptionFatal(code)) => {
                    return Turn::Failed(code);
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

    /// Looks whether the group counts the member; says whether it does.
    fn look(&self, shared: &Shared) -> bool {
        let assigned = shared.assigned_anew.load(Ordering::Acquire);
        if assigned {
            shared.assigned_anew.store(false, Ordering::Release);
        }
        Pulse::look(&self.consumer, shared, assigned)
    }

    /// Looks whether the group has accepted the member at last, or whether nobody is to wait for that
    /// any longer.
    fn join(&mut self, shared: &Shared) {
        let assigned = shared.assigned_anew.load(Ordering::Acquire);
        let counted = self.look(shared);
        let now = Instant::now();
        let overdue = shared.acceptance.overdue(now);
        if counted && (self.has_settled(shared, assigned, now) || overdue.is_some()) {
            return shared.acceptance.accept();
        }
        let Some(cause) = overdue else { return };
        let group = &shared.options.group;
        let client = self.consumer.client().client();
        let state = acceptance::group_state(client, group, LAST_QUESTION);
        let rebalances = state == GroupState::Rebalances;
        if rebalances && shared.acceptance.extend(now) {
            return;
        }
        if state == GroupState::Classic && shared.consumer_protocol {
            return shared
                .acceptance
                .refuse(acceptance::not_converted(&shared.options));
        }
        let unanswered = acceptance::unanswered(&shared.options, cause, rebalances);
        shared.acceptance.refuse(unanswered);
    }

    /// Whether what the group has given the member, which it counts, is most likely all for now.
    ///
    /// A group of the classic protocol first assigns nothing to a new member if the others have
    /// everything. They give something up, and a second round begins, a second after the member has
    /// joined. Who stops another server meanwhile, as a deploy does, would make that round the longer, with
    /// partitions that nobody serves. To be assigned nothing again says little: a group that goes back from
    /// KIP-848 answers that at once. KIP-848 itself says nothing where it assigns nothing.
    fn has_settled(&mut self, shared: &Shared, assigned: bool, now: Instant) -> bool {
        if shared.consumer_protocol {
            return true;
        }
        if assigned && !lock(&shared.partitions).is_empty() {
            return true;
        }
        match self.empty_handed {
            None if assigned => {
                self.empty_handed = Some(now);
                false
            }
            None => false,
            Some(since) => now.saturating_duration_since(since) >= SECOND_ROUND,
        }
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
