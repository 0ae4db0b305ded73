//! How a member comes back after its consumer has failed for good.
//!
//! Librdkafka ends a consumer whose static name another member has taken, and one that the brokers
//! refuse under KIP-848. A new consumer takes its place: at once at first, later after ever longer
//! pauses. One that lost its name comes back without it, and never takes it back: two servers that take
//! a name from each other in turn would serve nobody.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::acceptance::{self, refusal};
use super::commit;
use super::member::{Shared, number};
use super::poller::Poller;
use super::pulse;
use super::rebalance::Context;
use crate::transport::kafka::admin::topics;
use crate::transport::kafka::client::errors;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::ffi;
use crate::transport::{GroupOptions, TransportError, TransportErrorKind};
use crate::util::sync::lock;
use crate::util::throttle;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause while somebody waits for the member to be accepted.
const LONGEST_FIRST: Duration = Duration::from_millis(500);

/// A consumer that lived so long begins anew with the first pause.
const PROVEN: Duration = Duration::from_secs(60);

/// Makes a member's consumer, which has yet to join.
pub(super) fn subscribe(
    settings: &Settings,
    shared: &Arc<Shared>,
) -> Result<Poller, TransportError> {
    topics::check_name(&shared.options.topic)?;
    let mut options = shared.options.clone();
    if shared.known.is_fenced() {
        options.instance = None;
    }
    let client: BaseConsumer<Context> = settings
        .member(&options)
        .create_with_context(Context(Arc::clone(shared)))
        .map_err(|error| errors::from_creation(&error))?;
    let consumer = ffi::Consumer::new(client, &shared.options.topic)
        .map_err(|error| errors::from_creation(&error))?;
    // Before the first assignment, which comes by polling.
    shared.committer.set(consumer.committer());
    consumer
        .client()
        .subscribe(&[&shared.options.topic])
        .map_err(|error| errors::from_kafka("the topic can't be subscribed to", &error))?;
    Ok(Poller::new(consumer))
}

/// The member has lost everything.
fn lose(shared: &Shared) {
    shared.sink.flush();
    let lost = std::mem::take(&mut *lock(&shared.partitions)).owned();
    commit::abandon(shared);
    // Who refuses a member for good has answered.
    pulse::answered(shared);
    shared.joined.store(false, Ordering::Release);
    if !lost.is_empty() {
        let lost: Vec<u32> = lost.into_iter().map(number).collect();
        shared.sink.lost(&lost);
    }
}

fn refuse(shared: &Shared, trouble: TransportError) {
    shared.known.refuse(trouble.clone());
    shared.sink.trouble(trouble);
}

/// What it leads to that the topic's name is another one's now: what was read and committed means nothing
/// any more.
pub(super) fn replaced(shared: &Shared) {
    lose(shared);
    shared.known.outdate();
    let GroupOptions { group, topic, .. } = &shared.options;
    let message = format!(
        "topic `{topic}` was deleted and made anew; the member of group `{group}` joins anew, and reads it \
         from its beginning"
    );
    refuse(
        shared,
        TransportError::new(TransportErrorKind::Other, message),
    );
}

/// What a fatal error of a member's consumer leads to: it has lost everything, and says why.
pub(super) fn fail(shared: &Shared, code: Code) {
    lose(shared);
    let named = shared.options.instance.is_some() && !shared.known.is_fenced();
    let trouble = match code {
        Code::FencedInstanceId if named => {
            shared.known.fence();
            let taken = acceptance::taken(&shared.options);
            taken.context("this member goes on without its name")
        }
        // The other one keeps the name. It may have died, and then its session ends.
        Code::UnreleasedInstanceId if named => {
            let taken = acceptance::taken(&shared.options);
            shared.acceptance.note(taken.clone());
            taken
        }
        _ => match refusal(code, &shared.options) {
            Some(refusal) => {
                shared.acceptance.refuse(refusal.clone());
                refusal
            }
            None => TransportError::new(
                TransportErrorKind::Other,
                format!(
                    "the member of group `{}` failed: {code}",
                    shared.options.group
                ),
            ),
        },
    };
    refuse(shared, trouble);
}

/// The pauses between the consumers of one member.
pub(super) struct Recovery {
    pause: Duration,
    born: Instant,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            pause: FIRST_PAUSE,
            born: Instant::now(),
        }
    }
}

impl Recovery {
    /// Makes the next consumer, after a pause; `None` if the member is to leave.
    pub(super) fn next(&mut self, settings: &Settings, shared: &Arc<Shared>) -> Option<Poller> {
        if self.born.elapsed() > PROVEN {
            self.pause = FIRST_PAUSE;
        }
        loop {
            shared.known.turn();
            let waited_for = shared.acceptance.is_pending();
            let longest = if waited_for {
                LONGEST_FIRST
            } else {
                LONGEST_PAUSE
            };
            let pause = self.pause.min(longest);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            if shared.leaving.wait(pause) {
                return None;
            }
            if let Some(cause) = shared.acceptance.overdue(Instant::now())
                && waited_for
            {
                let unanswered = || acceptance::unanswered(&shared.options, None, false);
                shared.acceptance.refuse(cause.unwrap_or_else(unanswered));
            }
            match subscribe(settings, shared) {
                Ok(poller) => {
                    self.born = Instant::now();
                    shared.rebalanced.store(true, Ordering::Release);
                    let group = &shared.options.group;
                    if let Some(suppressed) = throttle::pass(format_args!("recovery of {group}")) {
                        tracing::info!(
                            target: "kafka_rpc::librdkafka",
                            group, topic = shared.options.topic, suppressed,
                            "a member that failed joins its group anew"
                        );
                    }
                    return Some(poller);
                }
                Err(error) => {
                    if let Some(suppressed) = error.pass_throttle("member", "recovery") {
                        tracing::warn!(
                            target: "kafka_rpc::librdkafka",
                            group = shared.options.group, %error, suppressed,
                            "a member that failed can't come back yet"
                        );
                    }
                }
            }
        }
    }
}
