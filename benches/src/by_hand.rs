//! The same pair by rust-rdkafka's own calls, a record at a time, as a careful engineer writes it by hand.
//!
//! The caller polls its own consumer on the thread that produces, without a channel or a registry. Beside
//! the bare pair it shows what taking and sending records one by one costs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::bare::{consumer_config, producer_config};
use crate::measure::{Outcome, Plan, Stopwatch};

const ID_BYTES: usize = 16;
const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

type Producer = ThreadedProducer<DefaultProducerContext>;

/// Echoes every command to the results partition until it is killed.
pub(crate) fn server(plan: &Plan) -> Outcome {
    let mut config = producer_config(plan);
    config.set("enable.idempotence", "false");
    let producer: Producer = config.create()?;
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
