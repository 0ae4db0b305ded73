//! Results topics that are made anew while a client stands still, on real Kafka.

#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use kafka_rpc::{Client, Kafka, Server};
use kafka_rpc_tests::broker::{self, Shared};
use kafka_rpc_tests::load::{self, LoadClient, LoadServer, Local};
use kafka_rpc_tests::process::{Process, wait_until};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const PATIENCE: Duration = Duration::from_secs(30);

fn worker(arguments: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    Process::spawn(command.args(arguments)).unwrap()
}

async fn attach(shared: &Shared, prefix: &str) -> LoadClient {
    let client = Client::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(prefix)
        .create_topics(load::topics(1));
    client.connect().await.unwrap().attach().await.unwrap()
}

/// Whether the topic's partition holds so many records.
fn holds(shared: &Shared, topic: &str, records: i64) -> bool {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", shared.bootstrap())
        .create()
        .unwrap();
    let found = consumer.fetch_watermarks(topic, 0, PATIENCE);
    found.is_ok_and(|(_, end)| end >= records)
}

/// Guarantee: a call whose reply may have been in a results topic that is gone ends soon, also where the
/// new one has more replies than the client had read.
#[tokio::test(flavor = "multi_thread")]
async fn replies_of_a_new_topic_are_not_skipped_by_a_client_that_stood_still() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let server = Server::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(&prefix)
        .create_topics(load::topics(1))
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap();
    let mut caller = worker(&["caller", shared.bootstrap(), &prefix, "2000"]);
    caller.wait_for_line("calls", PATIENCE);
    let runs = || server.stats().running == 1;
    assert!(wait_until(PATIENCE, runs), "the call never ran");
    // It has asked for the topic's id when it was started, and has read six replies at least.
    caller.pause();
    topics.delete("Load.results");
    let results = topics.create("Load.results", 1);
    let ended = || server.stats().running == 0;
    assert!(wait_until(PATIENCE, ended), "the call never ended");
    let load = attach(&shared, &prefix).await;
    while !holds(&shared, &results, 20) {
        load.echo(vec![2]).timeout(PATIENCE).await.unwrap();
    }
    caller.resume();
    let end = caller.wait_for_line("ended", PATIENCE);
    // Whether its own reply is there depends on when the topic went.
    assert!(
        end.contains("answered") || end.contains("Disconnected"),
        "{end}"
    );
    server.shutdown().await.unwrap();
}
