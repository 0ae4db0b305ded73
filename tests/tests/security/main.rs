//! Brokers that demand a log-in, TLS and permissions: who has them gets in, and others hear why not.
#![allow(clippy::unwrap_used)]

mod broker;
mod log;

use std::time::{Duration, Instant};

use kafka_rpc::{Client, Code, Kafka, Outcome, RpcError, Server, TopicSettings};
use kafka_rpc_tests::broker::{Acl, Broker, Permission, Resource};
use kafka_rpc_tests::load::{LoadClient, LoadServer, Local};

use log::Log;

const USER: &str = "alice";
const PASSWORD: &str = "open sesame";
const GUESS: &str = "open barley";

const LONG: Duration = Duration::from_secs(20);

fn topics() -> TopicSettings {
    TopicSettings::default()
        .commands_partitions(1)
        .results_partitions(1)
}

/// A server and a client of a new service, made with the same connection.
async fn serve(kafka: &Kafka) -> (Server, LoadClient) {
    let server = Server::builder(kafka)
        .create_topics(topics())
        .service(LoadServer::new(Local))
        .start()
        .await
        .unwrap();
    let client = Client::connect(kafka).await.unwrap();
    (server, client.attach().await.unwrap())
}

async fn works(kafka: &Kafka) {
    let (server, load) = serve(kafka).await;
    let reply = load.echo(vec![1, 2, 3]).timeout(LONG).await.unwrap();
    assert_eq!(reply, [1, 2, 3]);
    server.shutdown().await.unwrap();
}

/// Neither a client nor a server gets in: both fail within `patience`, with this code, nothing ran,
/// and the messages have these words and not the password.
async fn refused(kafka: &Kafka, code: Code, patience: Duration, words: &[&str]) {
    let start = Instant::now();
    let client = Client::connect(kafka).await.map(drop).unwrap_err();
    let took = start.elapsed();
    let start = Instant::now();
    let server = Server::builder(kafka)
        .service(LoadServer::new(Local))
        .start()
        .await
        .map(drop)
        .unwrap_err();
    for (who, error, took) in [
        ("client", client, took),
        ("server", server, start.elapsed()),
    ] {
        println!("{who} after {took:?}: {error}");
        check(&error, code, words);
        assert!(took < patience, "{who} took {took:?}");
    }
}

fn check(error: &RpcError, code: Code, words: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(error.outcome(), Outcome::NotRun, "{error}");
    for word in words {
        assert!(error.message().contains(word), "{word} isn't in: {error}");
    }
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(PASSWORD) && !shown.contains(GUESS));
}

/// Guarantee: calls work on a cluster that demands a log-in, and a wrong password fails both sides
/// at once with `Unauthenticated`.
#[tokio::test(flavor = "multi_thread")]
async fn calls_need_the_right_password() {
    let Some(broker) = Broker::builder().sasl_plain(USER, PASSWORD).start_or_skip() else {
        return;
    };
    let kafka = Kafka::new(broker.bootstrap());
    works(&kafka.clone().sasl_plain(USER, PASSWORD)).await;
    let wrong = kafka.sasl_plain(USER, GUESS);
    let words = ["PLAIN", &broker.bootstrap()];
    refused(
        &wrong,
        Code::Unauthenticated,
        Duration::from_secs(5),
        &words,
    )
    .await;
}

/// Guarantee: TLS and a log-in over it work, and an unknown authority or a wrong password fails
/// with a clear error.
#[cfg(feature = "ssl")]
#[tokio::test(flavor = "multi_thread")]
async fn calls_over_tls_need_the_right_password() {
    let builder = Broker::builder().tls().sasl_plain(USER, PASSWORD);
    let Some(broker) = builder.start_or_skip() else {
        return;
    };
    let ca = broker.ca_file().unwrap();
    let kafka = Kafka::new(broker.bootstrap());
    let trusting = kafka.clone().tls_ca_file(&ca);
    works(&trusting.clone().sasl_plain(USER, PASSWORD)).await;
    let wrong = trusting.sasl_plain(USER, GUESS);
    let words = ["sasl_ssl PLAIN", &broker.bootstrap()];
    refused(
        &wrong,
        Code::Unauthenticated,
        Duration::from_secs(5),
        &words,
    )
    .await;
    let distrusting = kafka.tls().sasl_plain(USER, PASSWORD);
    let words = ["sasl_ssl", "certificate"];
    refused(
        &distrusting,
        Code::Unauthenticated,
        Duration::from_secs(10),
        &words,
    )
    .await;
}

/// Guarantee: TLS without a log-in works with the authority's certificate, and not without.
#[cfg(feature = "ssl")]
#[tokio::test(flavor = "multi_thread")]
async fn calls_over_tls_need_the_right_authority() {
    let Some(broker) = Broker::builder().tls().start_or_skip() else {
        return;
    };
    let ca = broker.ca_file().unwrap();
    let kafka = Kafka::new(broker.bootstrap());
    works(&kafka.clone().tls_ca_file(&ca)).await;
    works(
        &kafka
            .clone()
            .tls_ca_pem(std::fs::read_to_string(ca).unwrap()),
    )
    .await;
    let words = ["certificate", &broker.bootstrap()];
    refused(
        &kafka.tls(),
        Code::Unauthenticated,
        Duration::from_secs(10),
        &words,
    )
    .await;
}

/// What needs cryptography that the build lacks says which cargo feature has it.
#[cfg(not(feature = "ssl"))]
#[tokio::test]
async fn a_build_without_tls_names_the_feature() {
    let kafka = Kafka::new("127.0.0.1:1");
    for needy in [
        kafka.clone().tls(),
        kafka
            .clone()
            .tls_ca_file("/nowhere")
            .sasl_plain(USER, PASSWORD),
        kafka.clone().sasl_scram_256(USER, PASSWORD),
        kafka.sasl_scram_512(USER, PASSWORD),
    ] {
        let words = ["cargo feature", "`ssl`"];
        refused(
            &needy,
            Code::InvalidArgument,
            Duration::from_secs(1),
            &words,
        )
        .await;
    }
}

/// Guarantee: a command that the broker's access control refuses ends its call at once with
/// `PermissionDenied`; with a right to write elsewhere, and with none at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_write_commands_hears_so_at_once() {
    for elsewhere in [false, true] {
        let Some((broker, _server, kafka)) = guarded().await else {
            return;
        };
        let mut grants = vec![
            grant(Permission::Read, RESULTS),
            grant(Permission::Describe, COMMANDS),
        ];
        if elsewhere {
            grants.push(grant(Permission::Write, RESULTS));
        }
        broker.allow(&grants);
        let load = attach_when_allowed(&kafka).await;
        for _ in 0..3 {
            let start = Instant::now();
            let error = load.echo(vec![1]).timeout(LONG).await.unwrap_err();
            println!("elsewhere={elsewhere} after {:?}: {error}", start.elapsed());
            check(&error, Code::PermissionDenied, &[COMMANDS]);
            assert!(start.elapsed() < Duration::from_secs(2));
        }
        // A grant helps without a new client.
        broker.allow(&[grant(Permission::Write, COMMANDS)]);
        let until = Instant::now() + LONG;
        while let Err(error) = load.echo(vec![1]).timeout(LONG).await {
            assert!(Instant::now() < until, "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Guarantee: a client that could never see a reply is not attached.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_read_results_is_not_attached() {
    let Some((broker, _server, kafka)) = guarded().await else {
        return;
    };
    let client = Client::connect(&kafka).await.unwrap();
    let start = Instant::now();
    let error = client.attach::<LoadClient>().await.map(drop).unwrap_err();
    println!("nothing granted, after {:?}: {error}", start.elapsed());
    check(&error, Code::PermissionDenied, &[COMMANDS]);
    assert!(start.elapsed() < Duration::from_secs(5));

    // Whoever may write knows that the topic exists.
    broker.allow(&[
        grant(Permission::Write, COMMANDS),
        grant(Permission::Describe, RESULTS),
    ]);
    let until = Instant::now() + LONG;
    loop {
        let start = Instant::now();
        let error = client.attach::<LoadClient>().await.map(drop).unwrap_err();
        if error.message().contains(COMMANDS) && Instant::now() < until {
            continue;
        }
        println!("reading not granted, after {:?}: {error}", start.elapsed());
        check(&error, Code::PermissionDenied, &[RESULTS]);
        assert!(start.elapsed() < Duration::from_secs(5));
        break;
    }
}

const COMMANDS: &str = "Load.commands";
const RESULTS: &str = "Load.results";

/// A broker where USER may do nothing yet, and a server that may do everything.
async fn guarded() -> Option<(Broker, Server, Kafka)> {
    let builder = Broker::builder().sasl_plain(USER, PASSWORD).authorizer();
    let broker = builder.start_or_skip()?;
    let (server, _) = serve(&Kafka::new(broker.plain_bootstrap())).await;
    let kafka = Kafka::new(broker.bootstrap()).sasl_plain(USER, PASSWORD);
    Some((broker, server, kafka))
}

fn grant(permission: Permission, topic: &str) -> Acl<'_> {
    Acl {
        user: USER,
        permission,
        resource: Resource::Topic(topic),
    }
}

/// The broker hears of grants a moment after the controller.
async fn attach_when_allowed(kafka: &Kafka) -> LoadClient {
    let client = Client::connect(kafka).await.unwrap();
    let until = Instant::now() + LONG;
    loop {
        match client.attach().await {
            Ok(load) => return load,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
    }
}

/// Guarantee: no password reaches a log or a `Debug`, however chatty librdkafka is made.
#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_logged_or_shown() {
    let log = Log::install();
    let Some(broker) = Broker::builder().sasl_plain(USER, PASSWORD).start_or_skip() else {
        return;
    };
    let kafka = Kafka::new(broker.bootstrap()).set("debug", "all");
    let right = kafka.clone().sasl_plain(USER, PASSWORD);
    let wrong = kafka.sasl_plain(USER, GUESS);
    let (server, load) = serve(&right).await;
    load.echo(vec![1]).timeout(LONG).await.unwrap();
    let patience = Duration::from_secs(5);
    refused(&wrong, Code::Unauthenticated, patience, &["PLAIN"]).await;
    let builders = (Client::builder(&right), Server::builder(&right));
    let shown = format!("{right:?} {wrong:?} {builders:?} {server:?} {load:?}");
    server.shutdown().await.unwrap();
    let logged = log.text();
    assert!(logged.contains("client connected") && logged.contains("SASL"));
    for secret in [PASSWORD, GUESS] {
        assert!(!shown.contains(secret), "{shown}");
        let line = logged.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
