//! Every failure answers, with its code, an honest outcome, and what to do next.

use std::time::Duration;

use kafka_rpc::{Client, Code, Outcome, RpcError, Server};
use kafka_rpc_core::wire::{
    Command, Envelope, Reply, ReplyAddress, ReplyBody, Sent, StageTimes, decode,
};

use super::cases;
use crate::probe::{
    Desk, OtherProbeClient, ProbeClient, ProbeServer, ProbeSevenClient, StrangerClient,
};
use crate::world::World;

cases! {
    "an unknown method is Unimplemented, NotRun": unknown_method;
    "an unknown service is Unimplemented, NotRun": unknown_service;
    "another version of the service is Unimplemented, NotRun": other_version;
    "an argument of the wrong type is InvalidArgument, NotRun, and named": wrong_type;
    "a missing argument is InvalidArgument, NotRun, and named": missing_argument;
    "arguments that are too large are refused before they are sent": too_large;
    "too many or too large headers are refused before they are sent": headers;
    "a partition that isn't there is refused before anything is sent": no_partition;
    "a timeout beyond the limit is refused": endless_timeout;
    "a reply that is too large is ReplyTooLarge, Ran": reply_too_large;
    "a panic is Internal, Ran, and its text stays on the server": panic;
    "a full client is ResourceExhausted, NotRun": client_full;
    "an overloaded server is ResourceExhausted, NotRun": server_full;
    "a reply that can't be decoded is BadReply, Ran": bad_reply;
    "a reply that is no envelope is BadReply, Unknown": garbage_reply;
    "a closed client is Disconnected, Unknown, and later Unavailable, NotRun": closed;
    "attach names a missing topic and how to create it": attach_missing_topic;
    "start names a missing topic and how to create it": start_missing_topic;
    "a reply topic that isn't allowed is refused, and nothing runs": reply_topic;
    "a refusal of a record from before the assignment says Unknown": old_record;
}

/// The code, outcome and words that an error has to have.
fn check(error: &RpcError, code: Code, outcome: Outcome, words: &[&str]) {
    assert_eq!((error.code(), error.outcome()), (code, outcome), "{error}");
    for word in words {
        assert!(error.message().contains(word), "{word:?} isn't in: {error}");
    }
}

async fn unknown_method(world: World) {
    let (_server, probe, _) = world.pair().await;
    let other: OtherProbeClient = world.attach().await;
    let error = other.unheard_of().await.unwrap_err();
    let words = ["Probe", "unheard_of"];
    check(&error, Code::Unimplemented, Outcome::NotRun, &words);
    assert!(error.server().is_some());
    probe.unit().await.unwrap();
}

async fn unknown_service(world: World) {
    let (_server, _, _) = world.pair().await;
    let stranger: StrangerClient = world.attach().await;
    let error = stranger.hello().await.unwrap_err();
    check(&error, Code::Unimplemented, Outcome::NotRun, &["Stranger"]);
}

async fn other_version(world: World) {
    let (_server, _, desk) = world.pair().await;
    let seven: ProbeSevenClient = world.attach().await;
    let error = seven.echo("seven".to_owned()).await.unwrap_err();
    check(
        &error,
        Code::Unimplemented,
        Outcome::NotRun,
        &["version", "7"],
    );
    assert!(!desk.saw("echo seven"));
}

async fn wrong_type(world: World) {
    let (_server, _, desk) = world.pair().await;
    let other: OtherProbeClient = world.attach().await;
    let error = other.echo(7).await.unwrap_err();
    let words = ["Probe", "echo", "text"];
    check(&error, Code::InvalidArgument, Outcome::NotRun, &words);
    assert!(desk.journal().iter().all(|entry| !entry.contains("echo")));
}

async fn missing_argument(world: World) {
    let (_server, _, _) = world.pair().await;
    let other: OtherProbeClient = world.attach().await;
    let error = other.sleep(7).await.unwrap_err();
    let words = ["Probe", "sleep", "ms"];
    check(&error, Code::InvalidArgument, Outcome::NotRun, &words);
}

async fn too_large(world: World) {
    let (_server, probe, _) = world.pair().await;
    let error = probe.bytes(vec![0; 2_000_000]).await.unwrap_err();
    check(
        &error,
        Code::InvalidArgument,
        Outcome::NotRun,
        &["bytes", "1000000"],
    );
    probe.unit().await.unwrap();
}

async fn headers(world: World) {
    let (_server, probe, _) = world.pair().await;
    let large = probe.unit().header("x", vec![0; 10_000]).await.unwrap_err();
    check(
        &large,
        Code::InvalidArgument,
        Outcome::NotRun,
        &["headers", "8192"],
    );
    let mut call = probe.unit();
    for n in 0..65 {
        call = call.header(format!("x-{n}"), "");
    }
    let many = call.await.unwrap_err();
    check(
        &many,
        Code::InvalidArgument,
        Outcome::NotRun,
        &["65 headers", "64"],
    );
}

async fn no_partition(world: World) {
    let (_server, probe, _) = world.pair().await;
    let error = probe.unit().partition(3).await.unwrap_err();
    let words = ["partition 3", "Probe.commands"];
    check(&error, Code::InvalidArgument, Outcome::NotRun, &words);
}

async fn endless_timeout(world: World) {
    let (_server, probe, _) = world.pair().await;
    let error = probe.unit().timeout(Duration::MAX).await.unwrap_err();
    check(&error, Code::InvalidArgument, Outcome::NotRun, &["timeout"]);
}

async fn reply_too_large(world: World) {
    let (_server, probe, desk) = world.pair().await;
    let error = probe.fill(2_000_000).await.unwrap_err();
    check(&error, Code::ReplyTooLarge, Outcome::Ran, &["1000000"]);
    assert!(desk.saw("fill"));
    assert_eq!(probe.fill(500_000).await.unwrap().len(), 500_000);
}

async fn panic(world: World) {
    let (_server, probe, _) = world.pair().await;
    let error = probe.panic("the secret".to_owned()).await.unwrap_err();
    check(&error, Code::Internal, Outcome::Ran, &["panic"]);
    assert!(!format!("{error} {error:?}").contains("secret"));
    probe.unit().await.unwrap();
}

async fn client_full(world: World) {
    let desk = Desk::default();
    let _server = world.serve(&desk).await;
    let client = world.client_builder().max_in_flight(2);
    let client = client.connect().await.unwrap();
    let probe: ProbeClient = client.attach().await.unwrap();
    let one = tokio::spawn(probe.hold("one".to_owned()));
    let two = tokio::spawn(probe.hold("two".to_owned()));
    world
        .until("two calls are in flight", || client.stats().in_flight == 2)
        .await;
    let error = probe.unit().await.unwrap_err();
    let words = ["2 calls", "max_in_flight"];
    check(&error, Code::ResourceExhausted, Outcome::NotRun, &words);
    desk.open();
    one.await.unwrap().unwrap();
    two.await.unwrap().unwrap();
    probe.unit().await.unwrap();
}

async fn server_full(world: World) {
    let desk = Desk::default();
    let builder = world.server_builder().concurrency(1).queue_limit(2);
    let server = world.start(builder, &desk).await;
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    let one = tokio::spawn(probe.hold("one".to_owned()));
    let two = tokio::spawn(probe.hold("two".to_owned()));
    world
        .until("the server is full", || {
            server.stats().running + server.stats().queued == 2
        })
        .await;
    let error = probe.unit().await.unwrap_err();
    check(&error, Code::ResourceExhausted, Outcome::NotRun, &["2"]);
    assert!(error.retry_after().is_some());
    assert!(!desk.saw("unit"));
    desk.open();
    one.await.unwrap().unwrap();
    two.await.unwrap().unwrap();
    probe.unit().await.unwrap();
}

async fn bad_reply(world: World) {
    let (_server, _, _) = world.pair().await;
    let other: OtherProbeClient = world.attach().await;
    let error = other.measure(vec![1, 2, 3]).await.unwrap_err();
    let words = ["Probe", "bytes", "Probe.results"];
    check(&error, Code::BadReply, Outcome::Ran, &words);
}

async fn garbage_reply(world: World) {
    let probe: ProbeClient = world.attach().await;
    let call = probe.echo("nobody serves".to_owned());
    let id = call.id();
    let tail = world.tail("Probe.commands", 0).await;
    let call = tokio::spawn(call.partition(0));
    tail.first(1).await;
    world
        .produce("Probe.results", 0, Some(id.as_bytes()), b"{\"json\": true}")
        .await;
    let error = call.await.unwrap().unwrap_err();
    check(&error, Code::BadReply, Outcome::Unknown, &["Probe", "echo"]);
}

async fn closed(world: World) {
    let desk = Desk::default();
    let _server = world.serve(&desk).await;
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    let pending = tokio::spawn(probe.hold("pending".to_owned()));
    world
        .until("it runs", || desk.saw("hold pending began"))
        .await;
    client.close();
    let error = pending.await.unwrap().unwrap_err();
    check(&error, Code::Disconnected, Outcome::Unknown, &["closed"]);
    let error = probe.unit().await.unwrap_err();
    check(&error, Code::Unavailable, Outcome::NotRun, &["closed"]);
    assert_eq!(client.stats().in_flight, 0);
    desk.open();
}

async fn attach_missing_topic(world: World) {
    let start = world.now();
    let builder: Client = world
        .client_builder()
        .topic_prefix(world.topic("missing."))
        .create_topics(None)
        .connect()
        .await
        .unwrap();
    let error = builder.attach::<ProbeClient>().await.unwrap_err();
    let topic = world.topic("missing.Probe.commands");
    let words = [topic.as_str(), "create_topics", "kafka-topics.sh"];
    check(&error, Code::Unavailable, Outcome::NotRun, &words);
    assert!(world.now() - start < Duration::from_secs(6));
}

async fn start_missing_topic(world: World) {
    let started: Result<Server, RpcError> = world
        .server_builder()
        .topic_prefix(world.topic("missing."))
        .create_topics(None)
        .service(ProbeServer::new(Desk::default()))
        .start()
        .await;
    let error = started.expect_err("there are no topics");
    let topic = world.topic("missing.Probe.commands");
    let words = [topic.as_str(), "create_topics", "kafka-topics.sh"];
    check(&error, Code::Unavailable, Outcome::NotRun, &words);
}

/// A command for the probe's `unit`, as a client in another language would send it.
pub(super) fn raw_command(id: [u8; 16], method: &str, reply_topic: &str) -> Vec<u8> {
    raw_command_sent(id, method, reply_topic, None)
}

/// The same, with what it says of its sending.
pub(super) fn raw_command_sent(
    id: [u8; 16],
    method: &str,
    reply_topic: &str,
    sent: Option<Sent>,
) -> Vec<u8> {
    let mut value = Vec::new();
    Command {
        call_id: kafka_rpc::CallId::from_slice(&id).unwrap(),
        service: "Probe",
        service_version: 0,
        method,
        arguments: &[0x80],
        reply_to: Some(ReplyAddress {
            topic: reply_topic,
            partition: 0,
        }),
        budget_ms: 60_000,
        key: None,
        idempotency_key: None,
        attempt: 1,
        fingerprint: None,
        sent,
    }
    .encode(&mut value);
    value
}

async fn reply_topic(world: World) {
    let desk = Desk::default();
    let server = world.serve(&desk).await;
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    let command = raw_command([9; 16], "unit", &world.topic("Probe.commands"));
    world.produce("Probe.commands", 0, None, &command).await;
    world
        .until("the refusal is counted", || {
            server.stats().refused(Code::PermissionDenied) == 1
        })
        .await;
    assert!(!desk.saw("unit"));
    probe.unit().partition(0).await.unwrap();
    assert_eq!(desk.count("unit"), 1);
}

async fn old_record(world: World) {
    let probe: ProbeClient = world.attach().await;
    let other: OtherProbeClient = world.attach().await;
    // Both commands are in the log before the first server is assigned their partition.
    let tail = world.tail("Probe.commands", 0).await;
    let unheard = tokio::spawn(other.unheard_of().partition(0));
    let panics = tokio::spawn(probe.panic("old".to_owned()).partition(0));
    tail.first(2).await;
    let _server = world.serve(&Desk::default()).await;
    let error = unheard.await.unwrap().unwrap_err();
    check(
        &error,
        Code::Unimplemented,
        Outcome::Unknown,
        &["unheard_of"],
    );
    // What did run is known to have run, however old its record.
    let error = panics.await.unwrap().unwrap_err();
    check(&error, Code::Internal, Outcome::Ran, &[]);
    // A record that came later can't have run elsewhere.
    let error = other.unheard_of().partition(0).await.unwrap_err();
    check(&error, Code::Unimplemented, Outcome::NotRun, &[]);
}

/// A reply made by hand.
pub(super) fn raw_reply(id: &kafka_rpc::CallId, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Reply {
        call_id: *id,
        body: ReplyBody::Value(value),
        server: "by hand",
        times: StageTimes::default(),
        attempt: 1,
    }
    .encode(&mut bytes);
    assert!(matches!(decode(&bytes), Ok(Envelope::Reply(_))));
    bytes
}
