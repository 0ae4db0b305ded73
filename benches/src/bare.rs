//! The bare librdkafka pair: what a round trip costs without a framework.
//!
//! The caller polls its own consumer on the thread that produces; there is no channel and no
//! registry. The server is a group consumer that echoes on the thread that polls and commits
//! asynchronously. Settings and record sizes are those of kafka-rpc. It is meant to be as fast as
//! it can be written: if it gets faster, our targets move.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::measure::{Outcome, Plan, Stopwatch};

const ID_BYTES: usize = 16;
const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

type Producer = ThreadedProducer<DefaultProducerContext>;

/// Echoes every command to the results partition until it is killed.
pub(crate) fn server(plan: &Plan) -> Outcome {
    let producer: Producer = producer_config(plan).create()?;
    let consumer: BaseConsumer = consumer_config(plan)
        .set("group.id", format!("{}.group", plan.commands))
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "6000")
        .create()?;
    consumer.subscribe(&[&plan.commands])?;
    println!("serving");

    let reply = vec![0; plan.reply_bytes];
    let mut commit_at = Instant::now() + COMMIT_INTERVAL;
    loop {
        let Some(command) = next(&consumer)? else {
            continue;
        };
        let id = command.key().ok_or("a command has an id")?;
        send(&producer, &plan.results, id, &reply)?;
        let now = Instant::now();
        if now >= commit_at {
            commit_at = now + COMMIT_INTERVAL;
            // It takes the offset after this message; all before it have been answered.
            consumer.commit_message(&command, CommitMode::Async)?;
        }
    }
}

/// Keeps a number of calls in flight, and prints what it measured.
pub(crate) fn client(plan: &Plan) -> Outcome {
    let producer: Producer = producer_config(plan).create()?;
    let consumer: BaseConsumer = consumer_config(plan)
        .set("group.id", "none")
        .set("auto.offset.reset", "error")
        .create()?;
    // A numeric offset: a logical end is resolved later, and a reply before that would be lost.
    let (_, end) = consumer.fetch_watermarks(&plan.results, 0, PATIENCE)?;
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(&plan.results, 0, Offset::Offset(end))?;
    consumer.assign(&assignment)?;

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
    loop {
        while sent.len() < plan.in_flight {
            sent.push_back(Instant::now());
            send(&producer, &plan.commands, &id(next_call), &command)?;
            next_call += 1;
        }
        let Some(reply) = next(&consumer)? else {
            if sent.front().is_some_and(|sent| sent.elapsed() > PATIENCE) {
                return Err("no reply came".into());
            }
            continue;
        };
        if reply.key() != Some(&id(next_reply)[..]) || reply.payload_len() != plan.reply_bytes {
            return Err("a reply isn't the one that is due".into());
        }
        next_reply += 1;
        let sent = sent.pop_front().ok_or("a reply without a call")?;
        if !stopwatch.record(sent, Instant::now()) {
            break;
        }
    }
    stopwatch.stop()?.print()
}

fn next(consumer: &BaseConsumer) -> Outcome<Option<BorrowedMessage<'_>>> {
    match consumer.poll(POLL) {
        None => Ok(None),
        Some(Ok(message)) => Ok(Some(message)),
        // Comes when the broker closes a connection; librdkafka opens the next one.
        Some(Err(KafkaError::MessageConsumption(
            RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown,
        ))) => Ok(None),
        Some(Err(error)) => Err(error.into()),
    }
}

fn send(producer: &Producer, topic: &str, id: &[u8], value: &[u8]) -> Outcome {
    let record = BaseRecord::to(topic).partition(0).key(id).payload(value);
    producer.send(record).map_err(|(error, _)| error.into())
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

fn producer_config(plan: &Plan) -> ClientConfig {
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

fn consumer_config(plan: &Plan) -> ClientConfig {
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
