//! Brings replies to the log, and tells when they are there.

use std::collections::BTreeMap;
use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use tracing::warn;

use super::encode;
use super::offsets::RecordRef;
use super::{Complete, Completion, Reply, Settle};
use crate::server::observe::stats::{Counters, count};
use crate::transport::{
    BoxFuture, Clock, Delivery, DeliverySink, Producer, Record, TransportError, TransportErrorKind,
};
use crate::util::lock_order::OUTBOX;
use crate::util::sync::{Mutex, lock};

/// The first pause before a reply is produced again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// As many slots are kept for the next burst.
const KEPT_SLOTS: usize = 4_096;

/// A reply on its way.
struct Outgoing {
    /// Whose command it answers.
    owner: Arc<dyn Settle>,
    record: RecordRef,
    reply: Reply,
    /// The pause before the next attempt.
    pause: Duration,
    /// What it counts for in its owner's backlog.
    size: usize,
}

/// How many of an owner's replies aren't known to be in the log, and their bytes.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    replies: AtomicUsize,
    bytes: AtomicUsize,
}

impl Backlog {
    /// Whether there are more replies than that, or more bytes.
    pub(crate) fn exceeds(&self, replies: usize, bytes: usize) -> bool {
        self.replies.load(Relaxed) > replies || self.bytes.load(Relaxed) > bytes
    }
}

impl Outgoing {
    fn new(owner: Arc<dyn Settle>, record: RecordRef, reply: Reply) -> Self {
        let size = reply.value.len();
        let backlog = owner.backlog();
        backlog.replies.fetch_add(1, Relaxed);
        backlog.bytes.fetch_add(size, Relaxed);
        Self {
            owner,
            record,
            reply,
            pause: FIRST_PAUSE,
            size,
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let backlog = self.owner.backlog();
        backlog.replies.fetch_sub(1, Relaxed);
        backlog.bytes.fetch_sub(self.size, Relaxed);
    }
}

/// This reply is in the log, or won't ever be.
fn settle_one(outgoing: Outgoing) {
    let (owner, record) = (Arc::clone(&outgoing.owner), outgoing.record);
    // Counted no longer before its owner looks whether it has room again.
    drop(outgoing);
    owner.settle(&mut iter::once(record));
}

/// The replies to these are in the log.
fn settle(answered: &[(Arc<dyn Settle>, RecordRef)]) {
    for batch in answered.chunk_by(|(one, _), (next, _)| Arc::ptr_eq(one, next)) {
        let owner = Arc::clone(&batch[0].0);
        owner.settle(&mut batch.iter().map(|(_, record)| *record));
    }
}

/// All replies of a server that aren't known to be in the log.
pub(crate) struct Outbox {
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    producer: OnceLock<Arc<dyn Producer>>,
    state: Mutex<State, OUTBOX>,
}

#[derive(Default)]
struct State {
    /// What the producer was handed, by token.
    handed: Vec<Slot>,
    /// Tokens that aren't used.
    free: Vec<usize>,
    /// To be produced again, by when, in the order of their failures.
    again: BTreeMap<(Instant, u64), Outgoing>,
    failures: u64,
}

/// Where the report of a reply finds it.
enum Slot {
    Free,
    /// It is being produced.
    Taken,
    /// It is being produced, and its report came already.
    Early(Delivery),
    Handed(Outgoing),
}

impl State {
    fn take(&mut self) -> usize {
        if let Some(token) = self.free.pop() {
            self.handed[token] = Slot::Taken;
            return token;
        }
        self.handed.push(Slot::Taken);
        self.handed.len() - 1
    }

    /// Frees a slot; `None` if its reply was forgotten.
    fn free(&mut self, token: usize) -> Option<Slot> {
        let slot = std::mem::replace(self.handed.get_mut(token)?, Slot::Free);
        self.freed(token);
        Some(slot)
    }

    fn freed(&mut self, token: usize) {
        self.free.push(token);
        // After a burst the memory of both goes with its last reply.
        if self.free.len() == self.handed.len() && self.handed.len() > KEPT_SLOTS {
            self.handed = Vec::new();
            self.free = Vec::new();
        }
    }

    /// The reply that was handed over with this token.
    fn reported(&mut self, token: usize, delivery: Delivery) -> Option<(Outgoing, Delivery)> {
        if let Some(slot @ Slot::Taken) = self.handed.get_mut(token) {
            *slot = Slot::Early(delivery);
            return None;
        }
        match self.free(token)? {
            Slot::Handed(outgoing) => Some((outgoing, delivery)),
            Slot::Free | Slot::Taken | Slot::Early(_) => None,
        }
    }

    /// The reply that was handed over with this token is in the log; says what it answers. It is
    /// dropped where it lies: nearly all replies end here, and to move them out takes its time.
    fn persisted(&mut self, token: usize) -> Option<(Arc<dyn Settle>, RecordRef)> {
        let slot = self.handed.get_mut(token)?;
        if let Slot::Taken = slot {
            *slot = Slot::Early(Delivery::Persisted);
        }
        let Slot::Handed(outgoing) = slot else {
            return None;
        };
        let answered = (Arc::clone(&outgoing.owner), outgoing.record);
        *slot = Slot::Free;
        self.freed(token);
        Some(answered)
    }
}

impl Outbox {
    pub(crate) fn new(clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Self {
        Self {
            clock,
            counters,
            producer: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// Gives it the producer, whose sink is a [`DeliveryRelay`] to it.
    pub(crate) fn open(&self, producer: Arc<dyn Producer>) {
        // It is opened once, by the server's start.
        let _ = self.producer.set(producer);
    }

    /// Sends a reply. Its command is settled when it is in the log, or can't be brought there in
    /// time, which may be before this returns.
    fn send(&self, outgoing: Outgoing) {
        let Some(producer) = self.producer.get() else {
            return;
        };
        // Before it is produced, since its delivery may be told before `produce` returns.
        let token = lock(&self.state).take();
        let produced = producer.produce(
            Record {
                topic: &outgoing.reply.address.topic,
                partition: outgoing.reply.address.partition,
                key: Some(outgoing.reply.call_id.as_bytes()),
                value: &outgoing.reply.value,
                headers: &[],
                timestamp_ms: outgoing.record.reply_ms,
                urgent: false,
            },
            token as u64,
        );
        if let Err(error) = produced {
            lock(&self.state).free(token);
            return self.failed(outgoing, error);
        }
        let mut state = lock(&self.state);
        match state.handed.get_mut(token) {
            Some(slot @ Slot::Taken) => *slot = Slot::Handed(outgoing),
            Some(Slot::Early(_)) => {
                let early = state.free(token);
                drop(state);
                if let Some(Slot::Early(delivery)) = early {
                    self.ended(outgoing, delivery);
                }
            }
            // Everything was forgotten meanwhile.
            Some(Slot::Free | Slot::Handed(_)) | None => drop(state),
        }
    }

    fn delivered(&self, token: u64, delivery: Delivery) {
        let reported = lock(&self.state).reported(slot(token), delivery);
        if let Some((outgoing, delivery)) = reported {
            self.ended(outgoing, delivery);
        }
    }

    fn persisted(&self, tokens: &[u64]) {
        if let [token] = tokens {
            return self.delivered(*token, Delivery::Persisted);
        }
        let mut answered = Vec::with_capacity(tokens.len());
        {
            let state = &mut *lock(&self.state);
            answered.extend(
                tokens
                    .iter()
                    .filter_map(|token| state.persisted(slot(*token))),
            );
        }
        settle(&answered);
    }

    fn ended(&self, outgoing: Outgoing, delivery: Delivery) {
        match delivery {
            Delivery::Persisted => settle_one(outgoing),
            Delivery::NotPersisted(error) | Delivery::Unknown(error) => {
                self.failed(outgoing, error);
            }
        }
    }

    fn failed(&self, mut outgoing: Outgoing, error: TransportError) {
        if error.kind == TransportErrorKind::TooLarge
            && let Some(value) = encode::instead_of(&outgoing.reply.value)
        {
            outgoing.reply.value = value;
            return self.send(outgoing);
        }
        let at = self.clock.now() + outgoing.pause;
        if at < outgoing.reply.give_up && is_transient(error.kind) {
            outgoing.pause = (outgoing.pause * 2).min(LONGEST_PAUSE);
            let owner = Arc::clone(&outgoing.owner);
            {
                let mut state = lock(&self.state);
                let number = state.failures;
                state.failures += 1;
                state.again.insert((at, number), outgoing);
            }
            owner.wake_by(at);
            return;
        }
        count(&self.counters.lost_replies);
        let topic = &*outgoing.reply.address.topic;
        if let Some(suppressed) = error.pass_throttle("replies", topic) {
            warn!(
                target: "kafka_rpc::server",
                call_id = %outgoing.reply.call_id,
                topic,
                partition = outgoing.reply.address.partition,
                %error,
                suppressed,
                "a reply could not be brought to its caller",
            );
        }
        settle_one(outgoing);
    }
}

impl Complete for Outbox {
    fn complete(&self, owner: Arc<dyn Settle>, record: RecordRef, completion: Completion) {
        match completion {
            Completion::Reply(reply) | Completion::Refused(Some(reply)) => {
                self.send(Outgoing::new(owner, record, reply));
            }
            Completion::Refused(None) | Completion::Silent => {
                owner.settle(&mut iter::once(record));
            }
            Completion::Left => owner.leave(record),
        }
    }

    fn hold(&self) {
        if let Some(producer) = self.producer.get() {
            producer.hold();
        }
    }

    fn release(&self) {
        if let Some(producer) = self.producer.get() {
            producer.release();
        }
    }

    /// Sends again what is due.
    fn tick(&self, now: Instant) -> Option<Instant> {
        loop {
            let due = {
                let mut state = lock(&self.state);
                match state.again.first_entry() {
                    None => return None,
                    Some(first) if first.key().0 > now => return Some(first.key().0),
                    Some(first) => first.remove(),
                }
            };
            self.send(due);
        }
    }

    fn flush(&self, timeout: Duration) -> BoxFuture<()> {
        match self.producer.get() {
            Some(producer) => producer.flush(timeout),
            None => Box::pin(async {}),
        }
    }

    fn close(&self) {
        // Dropped without the lock, since an entry may be the last to hold its owner.
        let forgotten = std::mem::take(&mut *lock(&self.state));
        drop(forgotten);
    }
}

/// A token that isn't ours finds no slot.
fn slot(token: u64) -> usize {
    usize::try_from(token).unwrap_or(usize::MAX)
}

/// Whether the same record may be taken later.
const fn is_transient(kind: TransportErrorKind) -> bool {
    match kind {
        TransportErrorKind::Unavailable
        | TransportErrorKind::UnknownTopic
        | TransportErrorKind::QueueFull
        // A producer that is replaced after a fatal error gives up what it had; the next one takes it.
        | TransportErrorKind::Closed
        | TransportErrorKind::Other => true,
        TransportErrorKind::Configuration
        | TransportErrorKind::PermissionDenied
        | TransportErrorKind::Unauthenticated
        | TransportErrorKind::TooLarge => false,
    }
}

/// The producer's sink. It holds the outbox weakly, since the outbox holds the producer.
pub(crate) struct DeliveryRelay(pub(crate) Weak<Outbox>);

impl DeliverySink for DeliveryRelay {
    fn delivered(&self, token: u64, delivery: Delivery) {
        if let Some(outbox) = self.0.upgrade() {
            outbox.delivered(token, delivery);
        }
    }

    fn persisted(&self, tokens: &[u64]) {
        if let Some(outbox) = self.0.upgrade() {
            outbox.persisted(tokens);
        }
    }
}
