//! The bare librdkafka pair: what a round trip costs without a framework.
//!
//! The caller polls its own consumer on the thread that produces; there is no channel and no
//! registry. The server is a group consumer that echoes on the thread that polls and commits
//! asynchronously. Both take all that is at hand by one call of librdkafka's, and send what it leads
//! to by another. Settings and record sizes are those of kafka-rpc. It is meant to be as fast as
//! it can be written: if it gets faster, our targets move.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::{CString, c_void};
use std::time::{Duration, Instant};
use std::{ptr, slice};

use rdkafka::bindings::{
    RD_KAFKA_MSG_F_COPY, rd_kafka_consume_batch_queue, rd_kafka_message_destroy,
    rd_kafka_message_t, rd_kafka_produce_batch, rd_kafka_queue_destroy,
    rd_kafka_queue_get_consumer, rd_kafka_queue_t, rd_kafka_resp_err_t, rd_kafka_topic_destroy,
    rd_kafka_topic_new, rd_kafka_topic_t,
};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::measure::{Outcome, Plan, Stopwatch};

const ID_BYTES: usize = 16;
const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);
/// As many records are taken, and sent, at once.
const BATCH: usize = 1_024;

type Id = [u8; ID_BYTES];

/// Echoes every command to the results partition until it is killed.
pub(crate) fn server(plan: &Plan) -> Outcome {
    let mut config = producer_config(plan);
    // As kafka-rpc does: a reply that comes twice does no harm.
    config.set("enable.idempotence", "false");
    let mut replies = Sender::new(&config, &plan.results)?;
    let mut commands = Receiver::new(
        consumer_config(plan)
            .set("group.id", format!("{}.group", plan.commands))
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "6000"),
    )?;
    commands.consumer.subscribe(&[&plan.commands])?;
    println!("serving");

    let reply = vec![0; plan.reply_bytes];
    let mut commit_at = Instant::now() + COMMIT_INTERVAL;
    loop {
        let mut next = 0;
        commands.receive(|id, _, offset| {
            replies.push(id);
            next = offset + 1;
            Ok(())
        })?;
        replies.send(&reply)?;
        let now = Instant::now();
        if now >= commit_at && next > 0 {
            commit_at = now + COMMIT_INTERVAL;
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&plan.commands, 0, Offset::Offset(next))?;
            commands.consumer.commit(&list, CommitMode::Async)?;
        }
    }
}

/// Keeps a number of calls in flight, and prints what it measured.
pub(crate) fn client(plan: &Plan) -> Outcome {
    let mut commands = Sender::new(&producer_config(plan), &plan.commands)?;
    let mut replies = Receiver::new(
        consumer_config(plan)
            .set("group.id", "none")
            .set("auto.offset.reset", "error"),
    )?;
    // A numeric offset: a logical end is resolved later, and a reply before that would be lost.
    let (_, end) = replies
        .consumer
        .fetch_watermarks(&plan.results, 0, PATIENCE)?;
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(&plan.results, 0, Offset::Offset(end))?;
    replies.consumer.assign(&assignment)?;

    let command = vec![0; plan.command_bytes];
    let instance = u64::to_be_bytes(fastrand::u64(..));
    let id = |call: u64| {
        let mut id = [0; ID_BYTES];
        id[..8].copy_from_slice(&instance);
        id[8..].copy_from_slice(&call.to_be_bytes());
        id
    };
    let mut stopwatch = Stopwatch::start(plan)?;
    // With one partition each way and a server that echoes in order, replies come in order.
    let mut sent = VecDeque::with_capacity(plan.in_flight);
    let (mut next_call, mut next_reply) = (0, 0);
    let mut goes_on = true;
    while goes_on {
        while sent.len() < plan.in_flight {
            sent.push_back(Instant::now());
            commands.push(id(next_call));
            next_call += 1;
        }
        commands.send(&command)?;
        replies.receive(|reply, length, _| {
            if reply != id(next_reply) || length != plan.reply_bytes {
                return Err("a reply isn't the one that is due".into());
            }
            next_reply += 1;
            let sent = sent.pop_front().ok_or("a reply without a call")?;
            goes_on &= stopwatch.record(sent, Instant::now());
            Ok(())
        })?;
        if sent.front().is_some_and(|sent| sent.elapsed() > PATIENCE) {
            return Err("no reply came".into());
        }
    }
    stopwatch.stop()?.print()
}

/// Sends records that differ in their keys only.
struct Sender {
    // Given back before the producer is dropped, which waits for it.
    topic: Topic,
    _producer: ThreadedProducer<DefaultProducerContext>,
    ids: Vec<Id>,
    messages: Vec<rd_kafka_message_t>,
}

struct Topic(*mut rd_kafka_topic_t);

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and its producer is alive.
        unsafe { rd_kafka_topic_destroy(self.0) };
    }
}

impl Sender {
    fn new(config: &ClientConfig, topic: &str) -> Outcome<Self> {
        let producer: ThreadedProducer<_> = patiently(|| config.create())?;
        let name = CString::new(topic)?;
        // SAFETY: producer and name are alive.
        let topic = unsafe {
            rd_kafka_topic_new(
                producer.client().native_ptr(),
                name.as_ptr(),
                ptr::null_mut(),
            )
        };
        if topic.is_null() {
            return Err("the topic has no handle".into());
        }
        Ok(Self {
            topic: Topic(topic),
            _producer: producer,
            ids: Vec::with_capacity(BATCH),
            messages: Vec::with_capacity(BATCH),
        })
    }

    fn push(&mut self, id: Id) {
        self.ids.push(id);
    }

    fn send(&mut self, value: &[u8]) -> Outcome {
        self.messages.clear();
        self.messages
            .extend(self.ids.iter().map(|id| rd_kafka_message_t {
                err: rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                rkt: ptr::null_mut(),
                partition: 0,
                payload: value.as_ptr() as *mut c_void,
                len: value.len(),
                key: id.as_ptr() as *mut c_void,
                key_len: ID_BYTES,
                offset: 0,
                _private: ptr::null_mut(),
            }));
        // SAFETY: the handle is alive; keys and values are, too, and are copied.
        let taken = unsafe {
            rd_kafka_produce_batch(
                self.topic.0,
                0,
                RD_KAFKA_MSG_F_COPY,
                self.messages.as_mut_ptr(),
                i32::try_from(self.messages.len())?,
            )
        };
        self.ids.clear();
        if usize::try_from(taken)? < self.messages.len() {
            return Err("the producer's queue is full".into());
        }
        Ok(())
    }
}

/// Takes what is there, all at once.
struct Receiver {
    // Given back before the consumer is dropped.
    queue: Queue,
    consumer: BaseConsumer,
    messages: Vec<*mut rd_kafka_message_t>,
}

struct Queue(*mut rd_kafka_queue_t);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and its consumer is alive.
        unsafe { rd_kafka_queue_destroy(self.0) };
    }
}

impl Receiver {
    fn new(config: &ClientConfig) -> Outcome<Self> {
        let consumer: BaseConsumer = patiently(|| config.create())?;
        // SAFETY: the consumer is alive, and has a queue as every consumer does.
        let queue = unsafe { rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Ok(Self {
            queue: Queue(queue),
            consumer,
            messages: Vec::with_capacity(BATCH),
        })
    }

    /// Waits for a record, and passes on the key, the value's length and the offset of each that is
    /// there.
    fn receive(&mut self, mut record: impl FnMut(Id, usize, i64) -> Outcome) -> Outcome {
        // The first one is waited for by the wrapper, which handles what isn't a record.
        match self.consumer.poll(POLL) {
            None => return Ok(()),
            Some(Ok(first)) => {
                let id = first.key().unwrap_or_default().try_into()?;
                record(id, first.payload_len(), first.offset())?;
            }
            // Comes when the broker closes a connection; librdkafka opens the next one.
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown,
            ))) => return Ok(()),
            Some(Err(error)) => return Err(error.into()),
        }
        // SAFETY: the queue is alive, and there is room for as many pointers as are asked for, of
        // which those that are counted are written.
        unsafe {
            let count = rd_kafka_consume_batch_queue(
                self.queue.0,
                0,
                self.messages.as_mut_ptr(),
                self.messages.capacity(),
            );
            self.messages.set_len(usize::try_from(count)?);
        }
        for message in self.messages.drain(..) {
            // SAFETY: the message is alive until it is given back below; its key lives as long.
            let (error, id, length, offset) = unsafe {
                let it = &*message;
                let id = match it.key_len {
                    0 => &[],
                    length => slice::from_raw_parts(it.key.cast::<u8>(), length),
                };
                (it.err, Id::try_from(id), it.len, it.offset)
            };
            // SAFETY: it is given back once.
            unsafe { rd_kafka_message_destroy(message) };
            if error != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(KafkaError::MessageConsumption(error.into()).into());
            }
            record(id?, length, offset)?;
        }
        Ok(())
    }
}

/// Calls `make`, whose threads don't interrupt those that wake them: kafka-rpc's producers have such
/// threads, too.
fn patiently<T>(make: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    let set = |policy| {
        let parameters = libc::sched_param { sched_priority: 0 };
        // SAFETY: the thread is the calling one, and the parameters are valid.
        unsafe { libc::pthread_setschedparam(libc::pthread_self(), policy, &raw const parameters) };
    };
    #[cfg(target_os = "linux")]
    set(libc::SCHED_BATCH);
    let made = make();
    #[cfg(target_os = "linux")]
    set(libc::SCHED_OTHER);
    made
}

fn common_config(plan: &Plan) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &plan.brokers)
        .set("client.id", "bare")
        .set("socket.keepalive.enable", "true")
        .set("socket.timeout.ms", "10000")
        .set("enable.metrics.push", "false")
        .set("log.connection.close", "false")
        .set("retry.backoff.ms", "10")
        .set("retry.backoff.max.ms", "250")
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "1000");
    config
}

/// Of the caller; replies needn't be idempotent.
pub(crate) fn producer_config(plan: &Plan) -> ClientConfig {
    let mut config = common_config(plan);
    config
        .set("linger.ms", "0")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", "5")
        .set("queue.buffering.backpressure.threshold", "1")
        .set("queue.buffering.max.kbytes", "65536")
        .set("delivery.report.only.error", "true")
        .set("message.timeout.ms", "30000");
    config
}

pub(crate) fn consumer_config(plan: &Plan) -> ClientConfig {
    let mut config = common_config(plan);
    config
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        .set("isolation.level", "read_uncommitted")
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.min.bytes", "1")
        .set("fetch.error.backoff.ms", "10")
        .set("fetch.queue.backoff.ms", "1")
        .set("queued.min.messages", "100000")
        .set("queued.max.messages.kbytes", "65536");
    config
}
