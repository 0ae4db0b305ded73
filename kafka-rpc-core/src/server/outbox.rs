//! Brings replies to the log, and tells when they are there.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tracing::warn;

use super::admission::Address;
use super::member::Member;
use super::partitions::Ticket;
use super::refusal;
use super::stats::{Counters, count};
use crate::sync::lock;
use crate::transport::{
    Clock, Delivery, DeliverySink, Producer, Record, TransportError, TransportErrorKind,
};
use crate::wire::CallId;

/// The first pause before a reply is produced again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A reply on its way.
pub(super) struct Outgoing {
    /// Whose command it answers.
    pub(super) member: Arc<Member>,
    pub(super) ticket: Ticket,
    pub(super) call_id: CallId,
    pub(super) address: Address,
    pub(super) value: Bytes,
    /// Nobody waits for it after this.
    pub(super) give_up: Instant,
    /// The pause before the next attempt.
    pause: Duration,
    /// What it counts for among its member's replies.
    size: usize,
}

/// How many of a member's replies aren't known to be in the log, and their bytes.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    replies: AtomicUsize,
    bytes: AtomicUsize,
}

impl Unsent {
    /// Whether there are more replies than that, or more bytes.
    pub(super) fn exceeds(&self, replies: usize, bytes: usize) -> bool {
        self.replies.load(Relaxed) > replies || self.bytes.load(Relaxed) > bytes
    }
}

impl Outgoing {
    pub(super) fn new(
        member: Arc<Member>,
        ticket: Ticket,
        call_id: CallId,
        address: Address,
        value: Bytes,
        give_up: Instant,
    ) -> Self {
        let size = value.len();
        member.unsent.replies.fetch_add(1, Relaxed);
        member.unsent.bytes.fetch_add(size, Relaxed);
        Self {
            member,
            ticket,
            call_id,
            address,
            value,
            give_up,
            pause: FIRST_PAUSE,
            size,
        }
    }

    /// It is in the log, or won't ever be.
    fn settle(self) {
        let (member, ticket) = (Arc::clone(&self.member), self.ticket);
        // Counted no longer before its member looks whether it has room again.
        drop(self);
        member.settle(ticket);
    }
}

/// All replies of a server that aren't known to be in the log.
pub(super) struct Outbox {
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    producer: OnceLock<Arc<dyn Producer>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tokens: u64,
    /// Handed to the producer, by token.
    pending: HashMap<u64, Outgoing>,
    /// To be produced again, by when and token.
    again: BTreeMap<(Instant, u64), Outgoing>,
}

impl Outbox {
    pub(super) fn new(clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Self {
        Self {
            clock,
            counters,
            producer: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// Gives it the producer, whose sink is a [`DeliveryRelay`] to it.
    pub(super) fn open(&self, producer: Arc<dyn Producer>) {
        // It is opened once, by the server's start.
        let _ = self.producer.set(producer);
    }

    /// Sends a reply. Its ticket is settled when it is in the log, or can't be brought there in
    /// time. That may be before this returns, so no lock of a member may be held.
    pub(super) fn send(&self, outgoing: Outgoing) {
        let Some(producer) = self.producer.get() else {
            return;
        };
        let (address, value) = (outgoing.address.clone(), outgoing.value.clone());
        let timestamp_ms = match outgoing.ticket.timestamp_ms {
            ..=0 => self.clock.wall_ms(),
            timestamp_ms => timestamp_ms,
        };
        let call_id = outgoing.call_id;
        let token = {
            let mut state = lock(&self.state);
            let token = state.tokens;
            state.tokens += 1;
            // Before it is produced, since its delivery may be told before `produce` returns.
            state.pending.insert(token, outgoing);
            token
        };
        let produced = producer.produce(
            Record {
                topic: &address.topic,
                partition: address.partition,
                key: Some(call_id.as_bytes()),
                value: &value,
                headers: &[],
                timestamp_ms,
                urgent: false,
            },
            token,
        );
        if let Err(error) = produced {
            let outgoing = lock(&self.state).pending.remove(&token);
            if let Some(outgoing) = outgoing {
                self.failed(outgoing, error);
            }
        }
    }

    /// Sends again what is due, and says when the next is.
    pub(super) fn tick(&self, now: Instant) -> Option<Instant> {
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

    /// Waits until the producer has nothing outstanding, or for `patience`.
    pub(super) async fn flush(&self, patience: Duration) {
        if let Some(producer) = self.producer.get() {
            producer.flush(patience).await;
        }
    }

    /// Forgets every reply that isn't known to be in the log.
    pub(super) fn close(&self) {
        // Dropped without the lock, since an entry may be the last to hold its member.
        let forgotten = std::mem::take(&mut *lock(&self.state));
        drop(forgotten);
    }

    fn delivered(&self, token: u64, delivery: Delivery) {
        let outgoing = lock(&self.state).pending.remove(&token);
        let Some(outgoing) = outgoing else { return };
        match delivery {
            Delivery::Persisted => outgoing.settle(),
            Delivery::NotPersisted(error) | Delivery::Unknown(error) => {
                self.failed(outgoing, error);
            }
        }
    }

    fn failed(&self, mut outgoing: Outgoing, error: TransportError) {
        if error.kind == TransportErrorKind::TooLarge
            && let Some(value) = refusal::instead_of(&outgoing.value)
        {
            outgoing.value = value;
            return self.send(outgoing);
        }
        let at = self.clock.now() + outgoing.pause;
        if at < outgoing.give_up && is_transient(error.kind) {
            outgoing.pause = (outgoing.pause * 2).min(LONGEST_PAUSE);
            let member = Arc::clone(&outgoing.member);
            {
                let mut state = lock(&self.state);
                let token = state.tokens;
                state.tokens += 1;
                state.again.insert((at, token), outgoing);
            }
            member.ring_by(at);
            return;
        }
        count(&self.counters.lost_replies);
        warn!(
            target: "kafka_rpc::server",
            call_id = %outgoing.call_id,
            topic = %outgoing.address.topic,
            partition = outgoing.address.partition,
            %error,
            "a reply could not be brought to its caller",
        );
        outgoing.settle();
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.member.unsent.replies.fetch_sub(1, Relaxed);
        self.member.unsent.bytes.fetch_sub(self.size, Relaxed);
    }
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
pub(super) struct DeliveryRelay(pub(super) Weak<Outbox>);

impl DeliverySink for DeliveryRelay {
    fn delivered(&self, token: u64, delivery: Delivery) {
        if let Some(outbox) = self.0.upgrade() {
            outbox.delivered(token, delivery);
        }
    }
}
