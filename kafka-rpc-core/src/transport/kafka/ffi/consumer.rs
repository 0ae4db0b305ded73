//! A consumer's client, with the queue that its records come into, many at a time.
//!
//! The wrapper takes each record as an event of its own, which costs more than reading it does. So the
//! records of the partitions that are forwarded come into a queue apart from the consumer's events,
//! which the wrapper goes on handling.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka_sys::bindings::{rd_kafka_consume_batch_queue, rd_kafka_resp_err_t};

use crate::transport::Incoming;
use crate::transport::kafka::ffi::commits::{Commits, Committer};
use crate::transport::kafka::ffi::message::{Message, View};
use crate::transport::kafka::ffi::poll_wakeup::PollWakeup;
use crate::transport::kafka::ffi::positions::Positions;
use crate::transport::kafka::ffi::queue::{Alerted, Queue, Target};

/// So many records are taken at a time at most.
const BATCH: usize = 128;

/// A consumer's client and what it has read of one topic.
///
/// It owns everything that may not outlive the client, and hands none of it out. [`Drop`] alone
/// decides the order in which they go; the order of the fields has no meaning.
pub(in crate::transport::kafka) struct Consumer<C: ConsumerContext> {
    topic: CString,
    client: ManuallyDrop<BaseConsumer<C>>,
    /// What the client is polled for.
    events: ManuallyDrop<Queue>,
    /// Where the records of forwarded partitions come.
    records: ManuallyDrop<Queue>,
    /// Where the results of commits come. A [`Committer`] borrows them while it commits.
    commits: ManuallyDrop<Arc<Commits>>,
    positions: ManuallyDrop<Positions>,
    /// Records that librdkafka gave out, and that weren't handed on yet.
    taken: VecDeque<Message>,
    /// The queue of records was empty after what was taken last.
    drained: bool,
    wakeup: Arc<PollWakeup>,
    /// What the queues' callbacks are given.
    target: Arc<Target>,
    arrivals: Arrivals,
}

/// By which way a consumer's records came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::transport::kafka) struct Arrivals {
    /// Through the queue that is read many records at a time.
    pub(in crate::transport::kafka) batched: u64,
    /// As events, one by one, since their partition wasn't forwarded in time.
    pub(in crate::transport::kafka) single: u64,
}

/// What came of polling a consumer.
#[derive(Debug)]
pub(in crate::transport::kafka) enum Polled<T> {
    Nothing,
    Record(T),
    /// A record of another topic, which wasn't handed on.
    Foreign,
    Error(KafkaError),
}

impl<C: ConsumerContext> Consumer<C> {
    /// That of a client whose records are to be of this topic.
    ///
    /// # Errors
    /// The client has no group, so that it has no queue to be polled for, or the topic's name has a
    /// zero byte.
    pub(in crate::transport::kafka) fn new(
        client: BaseConsumer<C>,
        topic: &str,
    ) -> KafkaResult<Self> {
        let topic = CString::new(topic)?;
        let missing = || KafkaError::ClientCreation("a consumer needs a group.id".to_owned());
        let wakeup = Arc::new(PollWakeup::default());
        // SAFETY: `Drop` drops the queues before the client. So does this function where it ends early:
        // a parameter is dropped after everything that is made here.
        let (events, records, commits, positions) = unsafe {
            (
                Queue::consumer(client.client()).ok_or_else(missing)?,
                Queue::new(client.client()).ok_or_else(missing)?,
                Commits::new(client.client()).ok_or_else(missing)?,
                Positions::new(client.client(), Arc::clone(&wakeup) as _).ok_or_else(missing)?,
            )
        };
        let target = Arc::new(Target(Arc::clone(&wakeup) as _));
        let consumer = Self {
            topic,
            client: ManuallyDrop::new(client),
            events: ManuallyDrop::new(events),
            records: ManuallyDrop::new(records),
            commits: ManuallyDrop::new(Arc::new(commits)),
            positions: ManuallyDrop::new(positions),
            taken: VecDeque::with_capacity(BATCH),
            drained: false,
            wakeup,
            target,
            arrivals: Arrivals::default(),
        };
        // SAFETY: the target is a field, and fields are dropped after `Drop` has destroyed the client.
        unsafe {
            consumer.events.set_callback(&consumer.target);
            consumer.records.set_callback(&consumer.target);
            consumer.positions.set_callback(&consumer.target);
        }
        Ok(consumer)
    }

    /// The client, for everything that the wrapper does safely.
    pub(in crate::transport::kafka) fn client(&self) -> &BaseConsumer<C> {
        &self.client
    }

    /// Alerts `target` from now on whenever a record or an event comes while none is at hand. It is
    /// set once.
    pub(in crate::transport::kafka) fn alert(&self, target: Arc<dyn Alerted>) {
        self.wakeup.also(target);
    }

    /// Has the records of a partition come many at a time, until librdkafka stops fetching what is
    /// assigned of it. To be called before the consumer is polled after the assignment: what was
    /// fetched before that comes one by one.
    pub(in crate::transport::kafka) fn forward_partition(&self, topic: &str, partition: i32) {
        self.records.forward_partition(topic, partition);
    }

    /// Asks where partitions are to be read from.
    pub(in crate::transport::kafka) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Leads to the consumer's commits, for its context and for its thread.
    pub(in crate::transport::kafka) fn committer(&self) -> Committer {
        Committer {
            client: self.client.client().native_ptr().addr(),
            commits: Arc::downgrade(&self.commits),
        }
    }

    /// Whether every record that librdkafka gave out was handed on.
    pub(in crate::transport::kafka) fn is_handed_on(&self) -> bool {
        self.taken.is_empty()
    }

    /// Whether no record is at hand.
    pub(in crate::transport::kafka) fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.records.is_empty()
    }

    /// Whether all records that were at hand at the last look were handed on: whoever has itself
    /// alerted hears of the next one.
    pub(in crate::transport::kafka) fn is_drained(&self) -> bool {
        self.taken.is_empty() && self.drained
    }

    /// Forgets the records that weren't handed on.
    pub(in crate::transport::kafka) fn clear(&mut self) {
        self.taken.clear();
    }

    /// By which way the records came that were handed on.
    #[cfg(test)]
    pub(in crate::transport::kafka) const fn arrivals(&self) -> Arrivals {
        self.arrivals
    }

    /// Hands on the next record, or has the consumer's events handled and tells of an error among
    /// them. Waits so long for either.
    pub(in crate::transport::kafka) fn poll<T>(
        &mut self,
        wait: Duration,
        visit: impl FnOnce(Incoming<'_>) -> T,
    ) -> Polled<T> {
        if self.taken.is_empty() {
            self.drained = false;
            let mut waits = !wait.is_zero();
            if waits {
                // Before the look: what comes after it ends the wait.
                self.wakeup.clear();
            }
            loop {
                while !self.events.is_empty() {
                    if let Some(event) = self.client.poll(Duration::ZERO) {
                        return of_event(event, &self.topic, &mut self.arrivals, visit);
                    }
                }
                self.take();
                // Nothing but the two queues ends the wait, and after that one look is enough.
                if !self.taken.is_empty() || !waits || !self.wakeup.wait(wait) {
                    break;
                }
                waits = false;
            }
        }
        let Some(message) = self.taken.pop_front() else {
            return Polled::Nothing;
        };
        if let Some(code) = message.view().error() {
            return Polled::Error(explain(
                code,
                message.view().partition(),
                self.client.client(),
            ));
        }
        self.arrivals.batched += 1;
        hand_on(message.view(), &self.topic, visit)
    }

    /// Has the consumer's events handled, and waits so long for one, but leaves its records where they
    /// are. That the client is polled shows its group that it lives.
    pub(in crate::transport::kafka) fn poll_events<T>(
        &mut self,
        wait: Duration,
        visit: impl FnOnce(Incoming<'_>) -> T,
    ) -> Polled<T> {
        match self.client.poll(wait) {
            None => Polled::Nothing,
            Some(event) => of_event(event, &self.topic, &mut self.arrivals, visit),
        }
    }

    /// Takes the records that are there, without waiting.
    fn take(&mut self) {
        let mut messages = [ptr::null_mut(); BATCH];
        // SAFETY: the queue is alive, and there is room for as many pointers as are asked for.
        let got = unsafe {
            rd_kafka_consume_batch_queue(self.records.ptr(), 0, messages.as_mut_ptr(), BATCH)
        };
        let got = usize::try_from(got).unwrap_or(0);
        self.drained = got < BATCH;
        // SAFETY: librdkafka has put so many messages there, which are ours from now on. `Drop` drops
        // them before the client, and they never leave this struct but to be dropped.
        let messages = messages[..got]
            .iter()
            .map(|message| unsafe { Message::new(*message) });
        self.taken.extend(messages.flatten());
    }
}

impl<C: ConsumerContext> Drop for Consumer<C> {
    fn drop(&mut self) {
        tracing::debug!(
            target: "kafka_rpc::librdkafka",
            topic = ?self.topic,
            batched = self.arrivals.batched,
            single = self.arrivals.single,
            "a consumer is closed"
        );
        // Nobody is to be woken for what is torn down.
        self.events.clear_callback();
        self.records.clear_callback();
        self.positions.clear_callback();
        // What belongs to the client goes before it. Closing it then polls it, and runs its context;
        // a record that comes meanwhile finds no queue and is dropped by librdkafka.
        self.taken.clear();
        // SAFETY: each is dropped once, here, and not used afterwards. A committer borrows a queue only
        // while it also borrows the client, which nobody does now, so that the queue goes here.
        unsafe {
            ManuallyDrop::drop(&mut self.records);
            ManuallyDrop::drop(&mut self.commits);
            ManuallyDrop::drop(&mut self.positions);
            ManuallyDrop::drop(&mut self.events);
            ManuallyDrop::drop(&mut self.client);
        }
        // The callbacks' target is dropped after this: none of librdkafka's threads is left.
    }
}

/// What a consumer was polled for that it doesn't handle itself: an error, or a record of a partition
/// that wasn't forwarded.
fn of_event<T>(
    event: KafkaResult<BorrowedMessage<'_>>,
    topic: &CStr,
    arrivals: &mut Arrivals,
    visit: impl FnOnce(Incoming<'_>) -> T,
) -> Polled<T> {
    match event {
        Err(error) => Polled::Error(error),
        Ok(mut message) => match View::of_event(&mut message) {
            None => Polled::Nothing,
            Some(view) => {
                arrivals.single += 1;
                hand_on(view, topic, visit)
            }
        },
    }
}

/// Shows a record of this topic, and of no other.
fn hand_on<T>(message: View<'_>, topic: &CStr, visit: impl FnOnce(Incoming<'_>) -> T) -> Polled<T> {
    if message.is_of(topic) {
        Polled::Record(message.show(visit))
    } else {
        Polled::Foreign
    }
}

/// The error that came in the place of a record.
fn explain<C: ClientContext>(
    code: rd_kafka_resp_err_t,
    partition: i32,
    client: &Client<C>,
) -> KafkaError {
    match code {
        rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
            KafkaError::PartitionEOF(partition)
        }
        rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__FATAL => match client.fatal_error() {
            Some((code, _)) => KafkaError::MessageConsumptionFatal(code),
            None => KafkaError::MessageConsumption(RDKafkaErrorCode::Fatal),
        },
        code => KafkaError::MessageConsumption(RDKafkaErrorCode::from(code)),
    }
}
