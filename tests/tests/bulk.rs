//! Ten thousand calls at once each get their own reply.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::time::Duration;

use kafka_rpc::testing::MemoryBroker;
use kafka_rpc::{Client, Kafka, Server, TopicSettings};
use kafka_rpc_tests::broker;
use kafka_rpc_tests::load::{LoadClient, LoadServer, Local};

fn topics() -> TopicSettings {
    TopicSettings::default()
        .commands_partitions(1)
        .results_partitions(1)
}

async fn ten_thousand_at_once(client: Client, load: LoadClient) {
    const CALLS: u32 = 10_000;
    // Warm: the server has its partition.
    load.who().timeout(Duration::from_secs(60)).await.unwrap();
    let mut calls: Vec<_> = (0..CALLS)
        .map(|n| (n, Box::pin(load.echo(n.to_be_bytes().to_vec()))))
        .collect();
    // All are in flight before the first is waited for.
    std::future::poll_fn(|context| {
        for (_, call) in &mut calls {
            assert!(call.as_mut().poll(context).is_pending());
        }
        std::task::Poll::Ready(())
    })
    .await;
    for (n, call) in calls {
        assert_eq!(call.await.unwrap(), n.to_be_bytes());
    }
    let stats = client.stats();
    assert_eq!((stats.answered, stats.in_flight), (u64::from(CALLS) + 1, 0));
}

/// Guarantee: ten thousand calls of one client are in flight at once and each gets its own reply.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_at_once_on_kafka() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let names = shared.topics();
    let kafka = Kafka::new(shared.bootstrap());
    let _server = Server::builder(&kafka)
        .topic_prefix(names.name(""))
        .create_topics(topics())
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap();
    let client = Client::builder(&kafka)
        .topic_prefix(names.name(""))
        .timeout(Duration::from_secs(60))
        .connect()
        .await
        .unwrap();
    let load = client.attach().await.unwrap();
    ten_thousand_at_once(client, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_at_once_in_memory() {
    let broker = MemoryBroker::new();
    let _server = Server::builder(&broker)
        .create_topics(topics())
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap();
    let client = Client::builder(&broker)
        .timeout(Duration::from_secs(60))
        .connect()
        .await
        .unwrap();
    let load = client.attach().await.unwrap();
    ten_thousand_at_once(client, load).await;
}
