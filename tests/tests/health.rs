//! A server's health while its broker is away, on real Kafka.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use kafka_rpc::{Client, HealthCause, Kafka, Server, ServerHealth, StopReason};
use kafka_rpc_tests::broker::{self, Broker};
use kafka_rpc_tests::load::{self, LoadClient, LoadServer, Local};
use kafka_rpc_tests::process::wait_until;

const PATIENCE: Duration = Duration::from_secs(30);

fn causes(health: &ServerHealth) -> Vec<HealthCause> {
    health.reasons.iter().map(|reason| reason.cause).collect()
}

/// How long it takes until a condition holds.
async fn takes(what: &str, condition: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{what}: {:?}", start.elapsed());
    start.elapsed()
}

/// Guarantee: a server and a client whose broker answers nothing say so within 5 s, while the process lives, and are
/// ready again soon after the broker answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_pauses_shows_within_five_seconds_and_so_does_its_return() {
    let Some(mut broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let kafka = Kafka::new(broker.bootstrap());
    let server = Server::builder(&kafka)
        .create_topics(load::topics(2))
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap();
    let handle = server.handle();
    let client = Client::connect(&kafka).await.unwrap();
    let load: LoadClient = client.attach().await.unwrap();
    assert_eq!(load.echo(vec![1]).timeout(PATIENCE).await.unwrap(), [1]);
    takes("its partitions are known", || {
        let partitions = handle.health().partitions;
        partitions.len() == 2 && partitions.iter().all(|one| one.lag.is_some())
    })
    .await;

    for _ in 0..2 {
        broker.pause();
        let red = takes("red after a pause", || !handle.health().ready).await;
        let health = handle.health();
        assert_eq!(causes(&health)[0], HealthCause::Unreachable, "{health}");
        assert!(health.live);
        assert!(red < Duration::from_secs(5), "{red:?}");
        let red = red + takes("the client is red, too", || !client.health().ready).await;
        let health = client.health();
        assert_eq!(
            health.reasons[0].cause,
            HealthCause::Unreachable,
            "{health}"
        );
        assert!(red < Duration::from_secs(5), "{red:?}");
        broker.resume();
        let green = takes("green after it", || handle.health().ready).await;
        // Its session may have ended meanwhile, and then the group takes it anew.
        assert!(green < Duration::from_secs(10), "{green:?}");
        takes("the client is green, too", || client.health().ready).await;
        assert_eq!(load.echo(vec![2]).timeout(PATIENCE).await.unwrap(), [2]);
    }

    let stopped = handle.stopped();
    server.shutdown().await.unwrap();
    assert_eq!(stopped.await.unwrap(), StopReason::Shutdown);
    assert_eq!(causes(&handle.health()), [HealthCause::Stopping]);
    assert!(!handle.health().live);
    handle.ready().await.unwrap_err();
}

/// Guarantee: what waits for one handler shows as lag and as age.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_shows_as_lag_and_age() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let kafka = Kafka::new(shared.bootstrap());
    let server = Server::builder(&kafka)
        .topic_prefix(&prefix)
        .create_topics(load::topics(1))
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap();
    let client = Client::builder(&kafka).topic_prefix(&prefix);
    let load: LoadClient = client.connect().await.unwrap().attach().await.unwrap();
    let slow = tokio::spawn(load.sleep("slow".to_owned(), 6_000).timeout(PATIENCE));
    let waits = || {
        let health = server.health();
        let one = health.partitions.first()?;
        Some((one.lag?, one.oldest?))
    };
    takes("it waits", || {
        waits().is_some_and(|(lag, oldest)| lag >= 1 && oldest >= Duration::from_secs(2))
    })
    .await;
    slow.await.unwrap().unwrap();
    takes("nothing waits", || {
        let health = server.health();
        health.partitions[0].lag == Some(0) && health.partitions[0].oldest.is_none()
    })
    .await;
    server.shutdown().await.unwrap();
}

/// Guarantee: a server runs until its signal, on a plain thread, too, and a handle tells of its end.
#[test]
fn a_server_runs_until_its_signal() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let server = Server::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(topics.name(""))
        .create_topics(load::topics(1))
        .service(LoadServer::new(Local))
        .start()
        .wait()
        .unwrap();
    let handle = server.handle();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let main = std::thread::spawn(move || server.run_until(ended).wait());
    handle.ready().wait().unwrap();
    assert!(wait_until(PATIENCE, || handle.health().partitions.len() == 1));
    end.send(()).unwrap();
    main.join().unwrap().unwrap();
    assert_eq!(handle.stopped().wait().unwrap(), StopReason::Shutdown);
}
