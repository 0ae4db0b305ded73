//! Topics that are created, grow, and are made anew, on real Kafka.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_rpc::{Client, Code, Kafka, Server, TopicSettings};
use kafka_rpc_tests::broker::{self, Cluster};
use kafka_rpc_tests::load::{LoadClient, LoadServer, Local};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(30);

/// What runs at the moment, by key; and when one was seen to run twice at once.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<(BTreeSet<String>, Vec<Instant>)>>);

#[kafka_rpc::service]
trait Hold {
    /// Runs for 100 ms.
    async fn hold(&self, key: String);
}

impl Hold for Running {
    async fn hold(&self, key: String) {
        if !self.0.lock().unwrap().0.insert(key.clone()) {
            self.0.lock().unwrap().1.push(Instant::now());
        }
        let _ends = Ends(self, key);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A handler ends, or is stopped.
struct Ends<'a>(&'a Running, String);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().0.remove(&self.1);
    }
}

fn settings(partitions: u32) -> TopicSettings {
    TopicSettings::default()
        .commands_partitions(partitions)
        .results_partitions(1)
}

async fn client(brokers: &str, prefix: &str, partitions: u32) -> Client {
    Client::builder(&Kafka::new(brokers))
        .topic_prefix(prefix)
        .create_topics(settings(partitions))
        .connect()
        .await
        .unwrap()
}

async fn serve(brokers: &str, prefix: &str, partitions: u32, running: &Running) -> Server {
    Server::builder(&Kafka::new(brokers))
        .topic_prefix(prefix)
        .create_topics(settings(partitions))
        .service(HoldServer::new(running.clone()))
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap()
}

/// Guarantee: a key is on two servers at once for no longer than 5 s and the longest call after its
/// topic has got more partitions, since every client learns of them by then.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_on_two_servers_later_than_five_seconds_after_growth() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let (brokers, prefix) = (shared.bootstrap(), topics.name(""));
    let running = Running::default();
    let servers = [
        serve(brokers, &prefix, 3, &running).await,
        serve(brokers, &prefix, 3, &running).await,
    ];
    let old = client(brokers, &prefix, 3).await;
    let old: HoldClient = old.attach().await.unwrap();
    for partition in 0..3 {
        let warm = old.hold(format!("warm {partition}")).partition(partition);
        warm.timeout(PATIENCE).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    let mut call = |hold: HoldClient| {
        for key in 0..20 {
            let (hold, stop) = (hold.clone(), Arc::clone(&stop));
            callers.spawn(async move {
                let key = format!("key {key}");
                while !stop.load(Ordering::Relaxed) {
                    let call = hold.hold(key.clone()).key(&key).timeout(PATIENCE);
                    // While the group shares out the new partitions, a busy machine may make one fail.
                    if let Err(error) = call.await {
                        println!("{key}: {error}");
                    }
                }
            });
        }
    };
    call(old.clone());
    topics.grow("Hold.commands", 12);
    let grown = Instant::now();
    let new: HoldClient = client(brokers, &prefix, 3).await.attach().await.unwrap();
    call(new);
    // Long enough for an old client's keys to meet a new one's for seconds, if it never learned.
    tokio::time::sleep(Duration::from_secs(12)).await;
    stop.store(true, Ordering::Relaxed);
    callers.join_all().await;
    let met = running.0.lock().unwrap().1.clone();
    let last = met.iter().map(|at| *at - grown).max();
    println!("{} meetings, the last after {last:?}", met.len());
    // The calls that each server had queued by then of 40 callers take their turns.
    let longest = Duration::from_secs(1);
    assert!(last.unwrap_or_default() < Duration::from_secs(5) + longest);
    // And they are served.
    for partition in 0..12 {
        let call = old.hold(format!("then {partition}")).partition(partition);
        call.timeout(PATIENCE).await.unwrap();
    }
    for server in servers {
        server.shutdown().await.unwrap();
    }
}

/// Guarantee: a commands topic that is made anew with fewer partitions fails calls for some seconds only.
#[tokio::test(flavor = "multi_thread")]
async fn a_commands_topic_that_is_made_anew_smaller_fails_calls_for_seconds_only() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let (brokers, prefix) = (shared.bootstrap(), topics.name(""));
    let server = serve(brokers, &prefix, 6, &Running::default()).await;
    let load: LoadClient = client(brokers, &prefix, 6).await.attach().await.unwrap();
    for partition in 0..6 {
        let warm = load.echo(vec![1]).partition(partition).timeout(PATIENCE);
        warm.await.unwrap();
    }
    let (also, name) = (topics, "Load.commands");
    let topics = tokio::task::spawn_blocking(move || {
        also.delete(name);
        also.create(name, 2);
        also
    })
    .await
    .unwrap();
    let until = Instant::now() + PATIENCE;
    let mut in_a_row = 0;
    while in_a_row < 100 {
        assert!(Instant::now() < until, "calls go on to fail");
        let call = load.echo(vec![2]).timeout(Duration::from_secs(2)).await;
        in_a_row = if call.is_ok() { in_a_row + 1 } else { 0 };
    }
    let gone = load.echo(vec![3]).partition(2).await.unwrap_err();
    assert_eq!(gone.code(), Code::InvalidArgument, "{gone}");
    server.shutdown().await.unwrap();
    drop(topics);
}

/// Guarantee: on a cluster of several brokers a server starts with topics that it has only just created,
/// whichever brokers it asks.
#[tokio::test(flavor = "multi_thread")]
async fn servers_start_with_topics_that_they_have_just_created_on_three_nodes() {
    let Some(cluster) = tokio::task::spawn_blocking(|| Cluster::start_or_skip(3))
        .await
        .unwrap()
    else {
        return;
    };
    let brokers = cluster.bootstrap();
    for round in 0..20 {
        let prefix = format!("round-{round}.");
        let server = serve(&brokers, &prefix, 12, &Running::default()).await;
        let load: LoadClient = client(&brokers, &prefix, 12).await.attach().await.unwrap();
        load.echo(vec![1]).timeout(PATIENCE).await.unwrap();
        server.shutdown().await.unwrap();
    }
    tokio::task::spawn_blocking(move || drop(cluster))
        .await
        .unwrap();
}
