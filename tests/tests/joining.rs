//! A start is done once the group has accepted the server, on real Kafka; else it says why, and soon.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use kafka_rpc::{Client, Code, HealthCause, Kafka, Outcome, RpcError, Server, ServerBuilder};
use kafka_rpc_tests::broker::{self, Acl, Broker, Permission, Resource};
use kafka_rpc_tests::load::{self, LoadClient, LoadServer, Local};
use kafka_rpc_tests::process::wait_until;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// How soon a start that can't succeed says so.
const SOON: Duration = Duration::from_secs(5);

const PATIENCE: Duration = Duration::from_secs(30);

const USER: &str = "alice";
const PASSWORD: &str = "correct-horse";

fn builder(kafka: &Kafka, prefix: &str) -> ServerBuilder {
    Server::builder(kafka)
        .topic_prefix(prefix)
        .create_topics(load::topics(3))
        .service(LoadServer::new(Local))
}

/// The error of a start, which comes soon and names `words`.
async fn refused(builder: ServerBuilder, words: &[&str]) -> RpcError {
    let start = Instant::now();
    let error = builder.start().await.unwrap_err();
    let took = start.elapsed();
    println!("after {took:?}: {error}");
    assert!(took < SOON, "{took:?}: {error}");
    assert_eq!(error.outcome(), Outcome::NotRun);
    for word in words {
        assert!(error.message().contains(word), "no {word:?} in: {error}");
    }
    error
}

/// A topic with these settings, beside those that the harness sets.
async fn topic_with(bootstrap: &str, name: &str, settings: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .unwrap();
    let mut topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let created = admin.create_topics([&topic], &AdminOptions::new()).await;
    created.unwrap().remove(0).unwrap();
}

/// Guarantee: settings that have no meaning are told at once, without connecting.
#[tokio::test]
async fn settings_are_looked_at_before_connecting() {
    let at_once = Duration::from_millis(500);
    for (brokers, word) in [
        ("http://localhost:9092", "`http://localhost:9092`"),
        ("localhost:99999", "65535"),
        ("", "host:port"),
    ] {
        let start = Instant::now();
        let error = refused(builder(&Kafka::new(brokers), ""), &[word]).await;
        assert_eq!(error.code(), Code::InvalidArgument);
        let error = Client::connect(&Kafka::new(brokers)).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(start.elapsed() < at_once);
    }
    let kafka = Kafka::new("localhost:1");
    let start = Instant::now();
    for (builder, word) in [
        (builder(&kafka, "").group(""), "`group`"),
        (builder(&kafka, "").instance(""), "`instance`"),
    ] {
        assert_eq!(
            refused(builder, &[word]).await.code(),
            Code::InvalidArgument
        );
    }
    assert!(start.elapsed() < at_once);
}

/// Guarantee: a server is a member of its group when its start is done, also one that gets no partition,
/// and its health names what it owns.
#[tokio::test(flavor = "multi_thread")]
async fn a_started_server_is_a_member_and_a_seventh_one_a_standby() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let kafka = Kafka::new(shared.bootstrap());
    let mut servers = Vec::new();
    for _ in 0..4 {
        let server = builder(&kafka, &prefix).start().await.unwrap();
        let health = server.health();
        assert!(health.ready && health.live, "{health}");
        server.ready().await.unwrap();
        servers.push(server);
    }
    let owned = |server: &Server| server.health().partitions.len();
    assert!(wait_until(PATIENCE, || {
        let counts: Vec<usize> = servers.iter().map(owned).collect();
        counts.iter().sum::<usize>() == 3 && counts.iter().all(|count| *count <= 1)
    }));
    let standbys = servers.iter().filter(|server| server.health().standby);
    assert_eq!(standbys.count(), 1);
    let mut all: Vec<u32> = servers
        .iter()
        .flat_map(|server| server.health().partitions)
        .map(|one| {
            assert_eq!(one.topic, format!("{prefix}Load.commands"));
            one.partition
        })
        .collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2]);
    for server in servers {
        server.shutdown().await.unwrap();
    }
}

/// Guarantee: who may not join the group, or write replies, hears so from the start, and which right is
/// missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_fails_the_start() {
    let broker = Broker::builder().sasl_plain(USER, PASSWORD).authorizer();
    let Some(broker) = broker.start_or_skip() else {
        return;
    };
    let set_up =
        Client::builder(&Kafka::new(broker.plain_bootstrap())).create_topics(load::topics(3));
    let _: LoadClient = set_up.connect().await.unwrap().attach().await.unwrap();
    let kafka = Kafka::new(broker.bootstrap()).sasl_plain(USER, PASSWORD);
    let grant = |permission, resource| Acl {
        user: USER,
        permission,
        resource,
    };
    let server = || Server::builder(&kafka).service(LoadServer::new(Local));
    let commands = Resource::Topic("Load.commands");
    let results = Resource::Topic("Load.results");
    broker.allow(&[
        grant(Permission::Read, commands),
        grant(Permission::Describe, results),
        grant(Permission::Read, Resource::Group("Load")),
    ]);
    // The broker takes a moment to know a grant.
    let until = Instant::now() + PATIENCE;
    let error = loop {
        let error = server().start().await.unwrap_err();
        if error.message().contains("Load.results") && error.message().contains("WRITE") {
            break error;
        }
        assert!(Instant::now() < until, "{error}");
    };
    assert_eq!(error.code(), Code::PermissionDenied);
    refused(server(), &["`Load.results`", "WRITE"]).await;

    broker.allow(&[grant(Permission::Write, results)]);
    let error = refused_when_allowed(|| server().group("elsewhere"), "`elsewhere`").await;
    assert_eq!(error.code(), Code::PermissionDenied);
    let words = ["group `elsewhere`", "READ"];
    refused(server().group("elsewhere"), &words).await;

    let running = server().start().await.unwrap();
    assert!(running.health().ready, "{}", running.health());
    running.shutdown().await.unwrap();
}

async fn refused_when_allowed(builder: impl Fn() -> ServerBuilder, word: &str) -> RpcError {
    let until = Instant::now() + PATIENCE;
    loop {
        let error = builder().start().await.unwrap_err();
        if error.message().contains(word) {
            return error;
        }
        assert!(Instant::now() < until, "{error}");
    }
}

/// Guarantee: a group whose members share partitions in another way is told by name, and so is a session
/// that the broker doesn't accept.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_cannot_be_joined_is_named_with_its_cause() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let group = topics.name("group");
    let kafka = Kafka::new(shared.bootstrap());
    let first = builder(&kafka, &prefix).start().await.unwrap();
    first.shutdown().await.unwrap();

    let (bootstrap, foreign, topic) = (
        shared.bootstrap().to_owned(),
        group.clone(),
        format!("{prefix}Load.commands"),
    );
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (joined, has_joined) = tokio::sync::oneshot::channel();
    let member = std::thread::spawn(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &bootstrap)
            .set("group.id", &foreign)
            .set("partition.assignment.strategy", "range")
            .create()
            .unwrap();
        consumer.subscribe(&[&topic]).unwrap();
        let mut joined = Some(joined);
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            drop(consumer.poll(Duration::from_millis(50)));
            if consumer.assignment().unwrap().count() > 0
                && let Some(joined) = joined.take()
            {
                joined.send(()).unwrap();
            }
        }
    });
    has_joined.await.unwrap();
    let other = format!("`{group}`");
    let error = refused(
        builder(&kafka, &prefix).group(&group),
        &[&other, "share partitions"],
    )
    .await;
    assert_eq!(error.code(), Code::InvalidArgument);
    drop(stop);
    member.join().unwrap();

    let short = kafka
        .set("session.timeout.ms", "1000")
        .set("heartbeat.interval.ms", "300");
    let words = ["session.timeout.ms", "group.min.session.timeout.ms"];
    let error = refused(builder(&short, &prefix), &words).await;
    assert_eq!(error.code(), Code::InvalidArgument);
}

/// Guarantee: a topic whose records may be deleted while somebody waits for them isn't served.
#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_topic_fails_the_start() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let kafka = Kafka::new(shared.bootstrap());
    for (compacted, plain) in [("commands", "results"), ("results", "commands")] {
        let prefix = topics.name(&format!("{compacted}."));
        let name = format!("{prefix}Load.{compacted}");
        topic_with(shared.bootstrap(), &name, &[("cleanup.policy", "compact")]).await;
        topic_with(shared.bootstrap(), &format!("{prefix}Load.{plain}"), &[]).await;
        let words = [name.as_str(), "cleanup.policy", "delete"];
        let error = refused(builder(&kafka, &prefix), &words).await;
        assert_eq!(error.code(), Code::InvalidArgument);
    }
    let prefix = topics.name("other.");
    let strange = [
        ("message.timestamp.type", "LogAppendTime"),
        ("retention.ms", "5000"),
        ("max.message.bytes", "100000"),
    ];
    topic_with(
        shared.bootstrap(),
        &format!("{prefix}Load.commands"),
        &strange,
    )
    .await;
    topic_with(
        shared.bootstrap(),
        &format!("{prefix}Load.results"),
        &strange,
    )
    .await;
    let server = builder(&kafka, &prefix).start().await.unwrap();
    server.shutdown().await.unwrap();
}

/// Guarantee: of two servers with one static name, the earlier one goes on without it, says so, and never
/// takes it back; both serve.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_name_is_taken_goes_on_without_it() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let kafka = Kafka::new(shared.bootstrap());
    let named = || builder(&kafka, &prefix).instance("pod-0");
    let first = named().start().await.unwrap();
    assert!(first.health().ready);
    let second = named().start().await.unwrap();
    let has_cause = |server: &Server, cause| {
        let health = server.health();
        health.reasons.iter().any(|reason| reason.cause == cause)
    };
    assert!(wait_until(PATIENCE, || has_cause(
        &first,
        HealthCause::Fenced
    )));
    assert!(first.health().live && !first.health().ready);
    // It is a member all the same, and gets its share.
    let partitions = |server: &Server| server.health().partitions.len();
    assert!(wait_until(PATIENCE, || partitions(&first) > 0
        && partitions(&second) > 0));
    let client = Client::builder(&kafka).topic_prefix(&prefix);
    let load: LoadClient = client.connect().await.unwrap().attach().await.unwrap();
    for partition in 0..3 {
        let echo = load.echo(vec![1]).partition(partition).timeout(PATIENCE);
        assert_eq!(echo.await.unwrap(), [1]);
    }
    assert!(second.health().ready, "{}", second.health());
    second.shutdown().await.unwrap();
    assert!(wait_until(PATIENCE, || partitions(&first) == 3));
    assert!(
        has_cause(&first, HealthCause::Fenced),
        "it never takes it back"
    );
    let echo = load.echo(vec![2]).timeout(PATIENCE);
    assert_eq!(echo.await.unwrap(), [2]);
    first.shutdown().await.unwrap();
}
