//! Whatever bytes stand on the two topics: no panic, no stuck partition, bounded memory, and the
//! next call works.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use kafka_rpc::testing::MemoryBroker;
use kafka_rpc::{CallId, Client, Cluster, Kafka, Server, TopicSettings};
use kafka_rpc_core::transport::{self, Delivery, DeliverySink, Duplicates, Record, Transport};
use kafka_rpc_core::wire::{Cancel, Command, Reply, ReplyAddress, ReplyBody, StageTimes};
use kafka_rpc_tests::broker;
use kafka_rpc_tests::load::{LoadClient, LoadServer, Local};

const RECORDS: usize = 10_000;
const SEED: u64 = 0x6b61_666b_6121;

/// One hostile value; the kinds take turns.
fn hostile(n: usize, rng: &mut Rng, results: &str) -> Vec<u8> {
    match n % 8 {
        0 => bytes(rng, 300),
        1 => format!(
            "{{\"type\":\"order\",\"id\":{},\"items\":[1,2,3]}}",
            rng.u64(..)
        )
        .into_bytes(),
        2 => {
            let mut value = valid(rng, results);
            value.truncate(rng.usize(..value.len()));
            value
        }
        3 => vec![[0x91, 0x81, 0x9f, 0xdc][rng.usize(..4)]; rng.usize(1..20_000)],
        // A length that promises more than there is.
        4 => {
            let head = [0xdb, 0xc6, 0xdd, 0xdf, 0xc9][rng.usize(..5)];
            let mut value = vec![0x9e, 1, 1, 0, head];
            value.extend_from_slice(&rng.u32(..).to_be_bytes());
            value.extend(bytes(rng, 40));
            value
        }
        5 => {
            let mut value = valid(rng, results);
            for _ in 0..rng.usize(1..4) {
                let index = rng.usize(..value.len());
                value[index] = rng.u8(..);
            }
            value
        }
        6 => {
            let mut value = valid(rng, results);
            value.extend(bytes(rng, 10));
            value
        }
        // A good envelope around arguments that aren't.
        _ => {
            let arguments = bytes(rng, 60);
            command(rng, results, &arguments)
        }
    }
}

fn bytes(rng: &mut Rng, up_to: usize) -> Vec<u8> {
    let length = rng.usize(..up_to);
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

fn valid(rng: &mut Rng, results: &str) -> Vec<u8> {
    let mut value = Vec::new();
    let call_id = CallId::new(rng.u64(..).to_be_bytes(), rng.u64(..));
    match rng.u8(..3) {
        0 => return command(rng, results, &[0x80]),
        1 => Cancel {
            call_id,
            service: "Load",
        }
        .encode(&mut value),
        _ => Reply {
            call_id,
            body: ReplyBody::Value(&[0xc0]),
            server: "hostile",
            times: StageTimes::default(),
            attempt: 1,
        }
        .encode(&mut value),
    }
    value
}

fn command(rng: &mut Rng, results: &str, arguments: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    Command {
        call_id: CallId::new(rng.u64(..).to_be_bytes(), rng.u64(..)),
        service: "Load",
        service_version: 0,
        method: ["echo", "sleep", "who", "nothing"][rng.usize(..4)],
        arguments,
        reply_to: Some(ReplyAddress {
            topic: results,
            partition: rng.u32(..3),
        }),
        budget_ms: rng.u32(..5_000),
        key: None,
        idempotency_key: None,
        attempt: 1,
        fingerprint: None,
        sent: None,
    }
    .encode(&mut value);
    value
}

struct Ignore;

impl DeliverySink for Ignore {
    fn delivered(&self, _: u64, delivery: Delivery) {
        assert!(matches!(delivery, Delivery::Persisted), "{delivery:?}");
    }
}

async fn survives(cluster: &impl Cluster, prefix: &str) {
    println!("seed {SEED}");
    let settings = TopicSettings::default()
        .commands_partitions(1)
        .results_partitions(1);
    let server = Server::builder(cluster)
        .topic_prefix(prefix)
        .create_topics(settings)
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap();
    let client = Client::builder(cluster)
        .topic_prefix(prefix)
        .timeout(Duration::from_secs(60))
        .connect()
        .await
        .unwrap();
    let load: LoadClient = client.attach().await.unwrap();
    load.who().await.unwrap();
    let memory = resident_kib();

    let commands = format!("{prefix}Load.commands");
    let results = format!("{prefix}Load.results");
    let transport: Arc<dyn Transport> = transport::open(cluster).unwrap();
    let producer = transport
        .producer(Duplicates::Never, Arc::new(Ignore))
        .await
        .unwrap();
    let mut rng = Rng::with_seed(SEED);
    for n in 0..RECORDS {
        let value = hostile(n, &mut rng, &results);
        let key = match n % 3 {
            0 => None,
            1 => Some(bytes(&mut rng, 20)),
            _ => Some(
                bytes(&mut rng, 17)
                    .into_iter()
                    .chain([0; 16])
                    .take(16)
                    .collect(),
            ),
        };
        for topic in [&commands, &results] {
            let record = Record {
                topic,
                partition: 0,
                key: key.as_deref(),
                value: &value,
                headers: &[],
                timestamp_ms: transport.clock().wall_ms(),
                urgent: true,
            };
            producer.produce(record, 0).unwrap();
        }
        if n % 1_000 == 0 {
            assert_eq!(load.echo(vec![1, 2]).await.unwrap(), [1, 2], "after {n}");
        }
    }
    producer.flush(Duration::from_secs(30)).await;
    assert_eq!(load.echo(vec![3, 4]).await.unwrap(), [3, 4]);

    let stats = server.stats();
    assert_eq!(stats.panics, 0, "{stats:?}");
    assert!(stats.malformed > 0 && stats.foreign > 0, "{stats:?}");
    let stats = client.stats();
    assert!(stats.foreign_replies >= RECORDS as u64, "{stats:?}");
    let grown = resident_kib().saturating_sub(memory);
    println!("resident memory grew by {grown} KiB");
    assert!(grown < 256 * 1024, "resident memory grew by {grown} KiB");
    server.shutdown().await.unwrap();
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hostile_records_in_memory() {
    survives(&MemoryBroker::new(), "").await;
}

/// Guarantee: no record on either topic stops a partition, a server or a client.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hostile_records_on_kafka() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    survives(&Kafka::new(shared.bootstrap()), &topics.name("")).await;
}
