//! The errors that only a broker in trouble produces, each with its code, outcome, words and time.
//!
//! Where each row of the table of errors is provoked:
//!
//! | Code | Test |
//! |---|---|
//! | `InvalidArgument` | conformance: `too_large`, `headers`, `wrong_type`, `missing_argument`, `no_partition`, `endless_timeout`; here: [`a_setting_that_promises_rest_on_is_refused`] |
//! | `Unimplemented` | conformance: `unknown_method`, `unknown_service`, `other_version`, `critical_flag` |
//! | `PermissionDenied` | conformance: `reply_topic`; `security`: writing commands, reading results |
//! | `Unauthenticated` | `security`: wrong passwords, unknown authorities |
//! | `ResourceExhausted` | conformance: `client_full`, `server_full` |
//! | `Unavailable` | here: [`nobody_listens_there`], [`missing_topics_are_named`], [`a_record_that_never_left_did_not_run`]; conformance: `closed` |
//! | `DeadlineExceeded` | here: [`a_killed_broker_costs_the_deadline_and_its_restart_heals`], [`a_paused_broker_costs_exactly_the_deadline`]; conformance: `silent`, `zero` |
//! | `Cancelled` | a dropped call has no result; conformance: `dropped` |
//! | `Disconnected` | conformance: `closed`, `recreated` |
//! | `ReplyTooLarge`, `Internal` | conformance: `reply_too_large`, `panic` |
//! | `BadReply` | conformance: `bad_reply`, `garbage_reply` |
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use kafka_rpc::{Client, Code, Kafka, Outcome, RpcError, Server, TopicSettings};
use kafka_rpc_tests::broker::{self, Broker};
use kafka_rpc_tests::load::{LoadClient, LoadServer, Local};

const LONG: Duration = Duration::from_secs(30);

/// How late a call may end; on an idle machine it is far less.
const LATENESS: Duration = Duration::from_millis(250);

fn check(error: &RpcError, code: Code, outcome: Outcome, words: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(error.outcome(), outcome, "{error}");
    for word in words {
        assert!(error.message().contains(word), "{word} isn't in: {error}");
    }
}

fn topics() -> TopicSettings {
    TopicSettings::default()
        .commands_partitions(1)
        .results_partitions(1)
}

async fn serve(broker: &Broker) -> (Server, LoadClient) {
    let kafka = Kafka::new(broker.bootstrap());
    let server = Server::builder(&kafka)
        .create_topics(topics())
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap();
    let client = Client::connect(&kafka).await.unwrap();
    let load: LoadClient = client.attach().await.unwrap();
    load.who().timeout(LONG).await.unwrap();
    (server, load)
}

/// The call must not end before its deadline, nor much later.
fn assert_punctual(start: Instant, deadline: Duration) {
    let took = start.elapsed();
    assert!(took >= deadline, "{took:?} is too early");
    let late = took - deadline;
    println!("the call ended {late:?} after its deadline");
    assert!(late <= LATENESS, "{late:?} is too late");
}

/// Guarantee: a broker that dies costs a call its deadline, with the outcome unknown; when it is
/// back, the same client and server go on within five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_costs_the_deadline_and_its_restart_heals() {
    let Some(mut broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let (_server, load) = serve(&broker).await;
    let start = Instant::now();
    let deadline = Duration::from_millis(1500);
    let pending = tokio::spawn(load.sleep("pending".to_owned(), 60_000).timeout(deadline));
    // A call's way takes a millisecond or so: this one comes after the other's command.
    load.who().timeout(LONG).await.unwrap();
    broker.kill();
    let error = pending.await.unwrap().unwrap_err();
    println!("{error}");
    let words = ["Load.sleep", "1.5s", "in the log"];
    check(&error, Code::DeadlineExceeded, Outcome::Unknown, &words);
    assert_punctual(start, deadline);

    let start = Instant::now();
    let deadline = Duration::from_secs(1);
    let error = load.who().timeout(deadline).await.unwrap_err();
    println!("{error}");
    let words = ["Load.who", "1s"];
    check(&error, Code::DeadlineExceeded, Outcome::Unknown, &words);
    assert_punctual(start, deadline);

    broker.restart();
    let healed = Instant::now();
    load.who().timeout(Duration::from_secs(5)).await.unwrap();
    println!("the next call was answered {:?} later", healed.elapsed());
}

/// Guarantee: a broker that hangs costs a call its deadline, not less and not more, and the same
/// client and server go on when it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_broker_costs_exactly_the_deadline() {
    let Some(mut broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let (_server, load) = serve(&broker).await;
    broker.pause();
    for millis in [50, 400, 1500] {
        let deadline = Duration::from_millis(millis);
        let start = Instant::now();
        let error = load.who().timeout(deadline).await.unwrap_err();
        let words = ["Load.who", "not acknowledged"];
        check(&error, Code::DeadlineExceeded, Outcome::Unknown, &words);
        assert_punctual(start, deadline);
    }
    broker.resume();
    let healed = Instant::now();
    load.who().timeout(Duration::from_secs(5)).await.unwrap();
    println!("the next call was answered {:?} later", healed.elapsed());
}

/// Guarantee: a command that certainly was not sent is reported as such, before the deadline.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_never_left_did_not_run() {
    let Some(mut broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let (_server, _) = serve(&broker).await;
    let kafka = Kafka::new(broker.bootstrap()).set("message.timeout.ms", "1000");
    let client = Client::connect(&kafka).await.unwrap();
    let load: LoadClient = client.attach().await.unwrap();
    load.who().timeout(LONG).await.unwrap();
    broker.kill();
    // Records that were sent to the broker while it died may be in its log. After one has failed,
    // the client knows that it isn't connected.
    let _ = load.who().timeout(Duration::from_secs(3)).await;
    let start = Instant::now();
    let error = load.who().timeout(LONG).await.unwrap_err();
    println!("after {:?}: {error}", start.elapsed());
    let words = ["Load.who", "Load.commands"];
    check(&error, Code::Unavailable, Outcome::NotRun, &words);
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// Where nobody listens, both sides say so, and where they tried.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_there() {
    // Bound and not listened to by anybody else, until the port is given back right away.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let brokers = format!("127.0.0.1:{port}");
    let kafka = Kafka::new(&brokers);
    let start = Instant::now();
    let error = Client::connect(&kafka).await.map(drop).unwrap_err();
    println!("after {:?}: {error}", start.elapsed());
    let words = [brokers.as_str(), "no broker"];
    check(&error, Code::Unavailable, Outcome::NotRun, &words);
    assert!(start.elapsed() < Duration::from_secs(11));

    let start = Instant::now();
    let server = Server::builder(&kafka).service(LoadServer::new(Local));
    let error = server.start().await.map(drop).unwrap_err();
    println!("after {:?}: {error}", start.elapsed());
    let words = [brokers.as_str(), "Load.commands"];
    check(&error, Code::Unavailable, Outcome::NotRun, &words);
    assert!(start.elapsed() < Duration::from_secs(6));
}

/// Guarantee: missing topics are found by `attach` and `start` within five seconds, with the way to
/// create them.
#[tokio::test(flavor = "multi_thread")]
async fn missing_topics_are_named() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let prefix = shared.topics().name("");
    let kafka = Kafka::new(shared.bootstrap());
    let client = Client::builder(&kafka).topic_prefix(&prefix);
    let client = client.connect().await.unwrap();
    let start = Instant::now();
    let attached = client.attach::<LoadClient>().await;
    let took = start.elapsed();
    let server = Server::builder(&kafka)
        .topic_prefix(&prefix)
        .service(LoadServer::new(Local));
    let start = Instant::now();
    let started = server.start().await;
    let commands = format!("{prefix}Load.commands");
    for (error, took) in [
        (attached.map(drop).unwrap_err(), took),
        (started.map(drop).unwrap_err(), start.elapsed()),
    ] {
        println!("after {took:?}: {error}");
        let command = format!("--bootstrap-server {} --create", shared.bootstrap());
        let words = [&commands, shared.bootstrap(), "create_topics", &command];
        check(&error, Code::Unavailable, Outcome::NotRun, &words);
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

/// A setting that would break a promise fails both sides by its name, without connecting.
#[tokio::test]
async fn a_setting_that_promises_rest_on_is_refused() {
    let kafka = Kafka::new("127.0.0.1:1").set("enable.idempotence", "false");
    let server = Server::builder(&kafka).service(LoadServer::new(Local));
    for error in [
        Client::connect(&kafka).await.map(drop).unwrap_err(),
        server.start().await.map(drop).unwrap_err(),
    ] {
        let words = ["enable.idempotence", "appended twice"];
        check(&error, Code::InvalidArgument, Outcome::NotRun, &words);
    }
}

/// Guarantee: a client is ready within a moment on a healthy cluster, and its first call pays no
/// connecting.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_ready_in_a_moment() {
    let Some(broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let (_server, _) = serve(&broker).await;
    for _ in 0..5 {
        let start = Instant::now();
        let kafka = Kafka::new(broker.bootstrap());
        let client = Client::connect(&kafka).await.unwrap();
        let connected = start.elapsed();
        let load: LoadClient = client.attach().await.unwrap();
        let attached = start.elapsed();
        load.who().timeout(LONG).await.unwrap();
        let called = start.elapsed();
        println!(
            "connect {connected:?}, attach {:?}, first call {:?}",
            attached - connected,
            called - attached
        );
        // Loose, since the machine may be busy: a timer that is waited out would show.
        assert!(called < Duration::from_secs(5));
    }
}
