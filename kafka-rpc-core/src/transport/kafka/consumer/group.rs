//! A member of a consumer group: reads what it is assigned, commits what is done, and lets go of
//! what is taken away when those who work on it have finished.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use tokio::runtime::Handle;

use crate::transport::kafka::admin::topics;
use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::client::latch::Latch;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::consumer::burst::Burst;
use crate::transport::kafka::consumer::rebalance::{Context, commit, number};
use crate::transport::kafka::consumer::watchdog::Turn;
use crate::transport::kafka::ffi;
use crate::transport::kafka::ffi::Polled;
use crate::transport::{
    BoxFuture, GroupOptions, GroupSink, Incoming, Membership, TransportError, TransportErrorKind,
    Work,
};
use crate::util::sync::lock;

/// How long one poll waits: how soon the thread sees that it is to leave or to commit.
const ROUND: Duration = Duration::from_millis(100);

/// The same for the rest of a partial batch.
const PARTIAL_BATCH_ROUND: Duration = Duration::from_millis(1);

/// The same while paused, so that a resumption is seen soon.
const PAUSED_ROUND: Duration = Duration::from_millis(5);

/// The same while leaving.
const LEAVING_ROUND: Duration = Duration::from_millis(2);

/// The time between two commits.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// How long a member that was dropped tries to leave properly.
const DROP_PATIENCE: Duration = Duration::from_secs(30);

pub(in crate::transport::kafka) fn join(
    settings: &Arc<Settings>,
    options: GroupOptions,
    sink: Arc<dyn GroupSink>,
) -> BoxFuture<Result<Arc<dyn Membership>, TransportError>> {
    let settings = Arc::clone(settings);
    // What runs on the member's threads may be user code, which expects to be within a runtime.
    let runtime = Handle::try_current().ok();
    blocking::start("kafka-rpc-group", move |reply: Reply<_>| {
        let _entered = runtime.as_ref().map(Handle::enter);
        let shared = Arc::new(Shared::new(&settings, options, sink));
        let second = Arc::clone(&shared);
        let started = subscribe(&settings, &shared).and_then(|poller| {
            *lock(&shared.poller) = Some(poller);
            let runtime = runtime.clone();
            blocking::spawn("kafka-rpc-group", move || {
                let _entered = runtime.as_ref().map(Handle::enter);
                second.live(false);
            })
        });
        if let Err(error) = started {
            // The consumer refers to what holds it.
            drop(lock(&shared.poller).take());
            return drop(reply.send(Err(error)));
        }
        let handle: Arc<dyn Membership> = Arc::new(Member(Arc::clone(&shared)));
        // Where nobody waits any more, the handle is dropped here, and the member leaves at once.
        drop(reply.send(Ok(handle)));
        shared.live(true);
    })
}

fn subscribe(settings: &Settings, shared: &Arc<Shared>) -> Result<Poller, TransportError> {
    topics::check_name(&shared.options.topic)?;
    let client: BaseConsumer<Context> = settings
        .member(&shared.options)?
        .create_with_context(Context(Arc::clone(shared)))
        .map_err(|error| errors::from_creation(&error))?;
    let consumer = ffi::Consumer::new(client, &shared.options.topic)
        .map_err(|error| errors::from_creation(&error))?;
    let poller = Poller::new(consumer);
    // Before the first assignment, which is heard of by polling. It is set once.
    let _ = shared.forwarder.set(poller.consumer.forwarder());
    poller
        .consumer
        .client()
        .subscribe(&[&shared.options.topic])
        .map_err(|error| errors::from_kafka("the topic can't be subscribed to", &error))?;
    Ok(poller)
}

/// What the member's thread and its handle share.
pub(in crate::transport::kafka) struct Shared {
    pub(in crate::transport::kafka) events: Events,
    pub(in crate::transport::kafka) options: GroupOptions,
    pub(in crate::transport::kafka) sink: Arc<dyn GroupSink>,
    /// Sends the records of assigned partitions to where many are read at a time.
    pub(in crate::transport::kafka) forwarder: OnceLock<ffi::Forwarder>,
    /// The partitions that are the member's, each with what is to be committed for it.
    pub(in crate::transport::kafka) owned: Mutex<BTreeMap<i32, Option<i64>>>,
    /// No records are wanted. Librdkafka isn't told: it drops an order to pause or to resume that
    /// another one overtakes, and every rebalance gives some. It reads on until its queue is full,
    /// and what is in there waits.
    paused: AtomicBool,
    leave_by: Mutex<Option<Instant>>,
    leaving: Latch,
    left: Latch,
    /// Held by the thread that polls, whose turn it is; empty at the end.
    poller: Mutex<Option<Poller>>,
    turn: Turn,
}

impl Shared {
    fn new(settings: &Arc<Settings>, options: GroupOptions, sink: Arc<dyn GroupSink>) -> Self {
        Self {
            events: Events::new(settings),
            options,
            sink,
            owned: Mutex::default(),
            forwarder: OnceLock::new(),
            paused: AtomicBool::new(false),
            leave_by: Mutex::default(),
            leaving: Latch::default(),
            left: Latch::default(),
            poller: Mutex::default(),
            turn: Turn::default(),
        }
    }

    fn leave(&self, patience: Duration) {
        *lock(&self.leave_by) = Instant::now().checked_add(patience);
        self.leaving.open();
    }

    /// How long a revocation may wait for its release now.
    pub(in crate::transport::kafka) fn revoke_patience(&self) -> Duration {
        let left = lock(&self.leave_by).map(|by| by.saturating_duration_since(Instant::now()));
        left.map_or(self.options.revoke_patience, |left| {
            left.min(self.options.revoke_patience)
        })
    }

    pub(in crate::transport::kafka) fn trouble(&self, error: &KafkaError) {
        let doing = format!(
            "in the group {} on {}",
            self.options.group, self.options.topic
        );
        self.sink
            .trouble(self.events.explain(errors::from_kafka(&doing, error)));
        self.events.forget();
    }
}

impl Shared {
    /// The life of one of the member's two threads, of which one polls.
    fn live(&self, mut polls: bool) {
        while polls || self.turn.wait() {
            let mut poller = lock(&self.poller);
            let Some((work, alone)) = poller.as_mut().and_then(|poller| poller.next(self)) else {
                // The consumer's teardown waits for its commits, and blocks as long as the group's
                // coordinator can't be reached.
                drop(poller.take());
                drop(poller);
                self.turn.end();
                return self.left.open();
            };
            drop(poller);
            let step = self.turn.begin();
            work.run(alone);
            polls = self.turn.finish(step);
        }
    }
}

/// The member's consumer, and what is to be done besides reading.
struct Poller {
    consumer: ffi::Consumer<Context>,
    burst: Burst,
    committed: Instant,
}

impl Poller {
    fn new(consumer: ffi::Consumer<Context>) -> Self {
        Self {
            consumer,
            burst: Burst::default(),
            committed: Instant::now(),
        }
    }

    /// Polls until a record leads to work, and says whether that came alone; `None` when the member
    /// has left or is done for.
    fn next(&mut self, shared: &Shared) -> Option<(Box<dyn Work>, bool)> {
        loop {
            // What librdkafka gave out, it won't give out again: it is handed on before anything else.
            if self.consumer.is_handed_on() {
                if shared.leaving.is_open() {
                    shared.sink.flush();
                    self.leave(shared);
                    return None;
                }
                if self.committed.elapsed() >= COMMIT_INTERVAL {
                    self.committed = Instant::now();
                    commit(self.consumer.client(), shared, None);
                }
            }
            // Without waiting first: only so can it be told that nothing is there.
            let mut polled = self.poll(shared, Duration::ZERO);
            if matches!(polled, Polled::Nothing) && self.burst.is_partial_batch(Instant::now) {
                polled = self.poll(shared, PARTIAL_BATCH_ROUND);
            }
            if matches!(polled, Polled::Nothing) {
                self.burst.end(Instant::now);
                shared.sink.flush();
                shared.sink.idle();
                polled = self.poll(shared, ROUND);
            }
            match polled {
                Polled::Nothing | Polled::Record(None) | Polled::Foreign => {}
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

    fn poll(&mut self, shared: &Shared, wait: Duration) -> Polled<Option<Box<dyn Work>>> {
        let burst = &mut self.burst;
        let hand_on = |record: Incoming<'_>| {
            burst.record();
            shared.sink.record(record)
        };
        // What librdkafka gave out is handed on even so.
        if shared.paused.load(Ordering::Acquire) && self.consumer.is_handed_on() {
            return self.consumer.poll_events(wait.min(PAUSED_ROUND), hand_on);
        }
        self.consumer.poll(wait, hand_on)
    }

    /// Gives everything up and leaves, while the group's coordinator can still be told.
    fn leave(&self, shared: &Shared) {
        // A static member keeps its partitions for its return: closing the consumer gives them up
        // without a word to the group.
        if shared.options.instance.is_some() {
            return;
        }
        let client = self.consumer.client();
        client.unsubscribe();
        // Unsubscribing revokes what is owned, which is heard of by polling, and then tells the
        // group. Closing the consumer before that is done would cancel it, and the others would
        // have to wait until this member is given up for dead. Records that are still on their way
        // aren't handed on: they are the next owner's.
        let by = *lock(&shared.leave_by);
        while ffi::is_member(client.client()) && by.is_none_or(|by| Instant::now() < by) {
            drop(client.poll(LEAVING_ROUND));
        }
    }
}

/// Another member has taken this one's name: the group won't hear of it again.
fn give_up(shared: &Shared, error: &KafkaError) {
    shared.sink.flush();
    let lost: Vec<u32> = std::mem::take(&mut *lock(&shared.owned))
        .into_keys()
        .map(number)
        .collect();
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

struct Member(Arc<Shared>);

impl Membership for Member {
    fn commit(&self, partition: u32, next: i64) {
        if let Ok(partition) = i32::try_from(partition)
            && let Some(noted) = lock(&self.0.owned).get_mut(&partition)
        {
            *noted = (*noted).max(Some(next));
        }
    }

    fn pause(&self) {
        self.0.paused.store(true, Ordering::Release);
    }

    fn resume(&self) {
        self.0.paused.store(false, Ordering::Release);
    }

    fn leave(&self, patience: Duration) -> BoxFuture<()> {
        let shared = Arc::clone(&self.0);
        shared.leave(patience);
        // The time runs from now on, not from the first poll: several members leave at once, and are
        // waited for one after another.
        let by = Instant::now().checked_add(patience);
        let left = blocking::start("kafka-rpc-leave", move |reply| {
            let left = by.map_or(patience, |by| by.saturating_duration_since(Instant::now()));
            shared.left.wait(left);
            drop(reply.send(Ok(())));
        });
        Box::pin(async move {
            if let Err(error) = left.await {
                tracing::warn!(target: "kafka_rpc::librdkafka", %error, "can't wait for a member");
            }
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.0.leaving.is_open() {
            self.0.leave(DROP_PATIENCE);
        }
    }
}
