//! Which partitions calls go to: those that answer, as many as there are by now.

use std::collections::BTreeSet;

use kafka_rpc::testing::{Access, MemoryNode};
use tokio::task::JoinSet;

use super::*;

const PARTITIONS: u32 = 6;

fn six_partitions() -> TopicSettings {
    TopicSettings::default()
        .commands_partitions(PARTITIONS)
        .results_partitions(1)
}

async fn six(broker: &MemoryBroker) -> (Client, EchoClient) {
    let client = Client::builder(broker).create_topics(six_partitions());
    let client = client.connect().await.unwrap();
    let echo = client.attach().await.unwrap();
    (client, echo)
}

/// A server as a process of its own.
async fn server(broker: &MemoryBroker, name: &str) -> (MemoryNode, Server) {
    let node = broker.node(name);
    let server = Server::builder(&node)
        .create_topics(six_partitions())
        .service(EchoServer::new(Desk::default()));
    let server = server.start().await.unwrap();
    (node, server)
}

/// Waits until every partition is served.
async fn warm_up(echo: &EchoClient) {
    for partition in 0..PARTITIONS {
        let warm = echo.echo(1).partition(partition);
        warm.timeout(Duration::from_secs(60)).await.unwrap();
    }
}

/// Makes 500 calls a second for so long, and says how many of how many failed.
async fn load(echo: &EchoClient, time: Duration) -> (usize, usize) {
    let mut calls = JoinSet::new();
    let until = Instant::now() + time;
    while Instant::now() < until {
        let n = calls.len() as u64;
        let call = echo.echo(n).timeout(Duration::from_secs(1));
        calls.spawn(async move { call.await.is_ok_and(|answer| answer == n) });
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let ends = calls.join_all().await;
    let failed = ends.iter().filter(|answered| !**answered).count();
    (failed, ends.len())
}

#[tokio::test(start_paused = true)]
async fn calls_without_a_key_leave_the_partitions_of_a_crashed_server_alone() {
    let broker = MemoryBroker::new();
    let (client, echo) = six(&broker).await;
    let mut servers = Vec::new();
    for name in ["a", "b", "c"] {
        servers.push(server(&broker, name).await);
    }
    warm_up(&echo).await;
    assert_eq!(load(&echo, Duration::from_secs(3)).await.0, 0);
    servers[1].0.crash();
    let (failed, all) = load(&echo, Duration::from_secs(1)).await;
    assert!(failed * 5 < all, "{failed} of {all} in the first second");
    assert_eq!(client.stats().avoided_partitions, 2);
    let (failed, all) = load(&echo, Duration::from_secs(10)).await;
    assert!(failed * 100 <= all, "{failed} of {all} in the next ten");
    // By now others own its partitions.
    assert_eq!(client.stats().avoided_partitions, 0);
    assert_eq!(load(&echo, Duration::from_secs(1)).await.0, 0);
}

/// The service's commands topic gets so many partitions; says to which ones calls go from now on.
async fn used(broker: &MemoryBroker, echo: &EchoClient, total: u32) -> BTreeSet<u32> {
    let ends = |partition| broker.watermarks(COMMANDS, partition).unwrap().1;
    let before: Vec<i64> = (0..total).map(ends).collect();
    for n in 0..400 {
        echo.echo(n).await.unwrap();
    }
    (0..total)
        .filter(|partition| ends(*partition) > before[*partition as usize])
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_client_learns_of_added_partitions_within_five_seconds() {
    let broker = MemoryBroker::new();
    let (_client, echo) = six(&broker).await;
    let (_node, _server) = server(&broker, "a").await;
    warm_up(&echo).await;
    assert_eq!(used(&broker, &echo, 6).await, (0..6).collect());
    echo.echo(1).partition(11).await.unwrap_err();
    broker.faults().add_partitions(COMMANDS, 12).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(used(&broker, &echo, 12).await, (0..12).collect());
    echo.echo(1).partition(11).await.unwrap();
    // A key goes where a client that is attached now sends it.
    let newer: EchoClient = Client::connect(&broker)
        .await
        .unwrap()
        .attach()
        .await
        .unwrap();
    for key in ["a", "b", "c", "d", "e", "f", "g"] {
        let mut went = Vec::new();
        for one in [&echo, &newer] {
            let ends = |partition| broker.watermarks(COMMANDS, partition).unwrap().1;
            let before: Vec<i64> = (0..12).map(ends).collect();
            one.echo(1).key(key.as_bytes()).await.unwrap();
            went.extend((0..12).filter(|one| ends(*one) > before[*one as usize]));
        }
        assert_eq!(went.len(), 2, "{key}");
        assert_eq!(went[0], went[1], "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commands_topic_that_is_made_anew_smaller_is_used_as_it_is() {
    let broker = MemoryBroker::new();
    let (_client, echo) = six(&broker).await;
    let (_node, _server) = server(&broker, "a").await;
    warm_up(&echo).await;
    broker.faults().recreate_topic_with(COMMANDS, 2).unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(used(&broker, &echo, 2).await, (0..2).collect());
    let error = echo.echo(1).partition(2).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_cannot_be_looked_up_stays_as_it_was() {
    let broker = MemoryBroker::new();
    let (client, echo) = six(&broker).await;
    let (_node, _server) = server(&broker, "a").await;
    warm_up(&echo).await;
    broker.faults().deny(COMMANDS, Access::Describe);
    broker.faults().add_partitions(COMMANDS, 12).unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(client.stats().failed_lookups, 2);
    assert_eq!(used(&broker, &echo, 12).await, (0..6).collect());
    broker.faults().allow(COMMANDS, Access::Describe);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(used(&broker, &echo, 12).await, (0..12).collect());
    // A client that is closed looks nothing up.
    client.close();
    broker.faults().deny(COMMANDS, Access::Describe);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(client.stats().failed_lookups, 2);
}
