//! What replies tell of a server's clock, and commands of their sending by it.

use std::time::Duration;

use kafka_rpc::{Code, Outcome};
use kafka_rpc_core::wire::limits::CLOCK_METHOD;
use kafka_rpc_core::wire::{Envelope, Reply, ReplyBody, Sent, decode};

use super::cases;
use super::refusals::{raw_command, raw_command_sent};
use crate::probe::{Desk, ProbeClient};
use crate::world::{Copied, Tail, World};

cases! {
    "a reply tells the server's clock, and commands say when they were sent by it": told;
    "a command of another time is answered with the clock and not run": another_time;
    "a command that says when it was sent runs whatever its timestamp": dated;
    "a command that was sent too long ago doesn't run whatever its timestamp": too_old;
    "a probe is answered with the clock": probe;
    "a client asks for the clock before its first one-way call, and only then": oneway;
}

/// What the `index`th command of a partition says of its sending.
fn sent(records: &[Copied], index: usize) -> Option<Sent> {
    match decode(&records[index].value) {
        Ok(Envelope::Command(command)) => command.sent,
        other => panic!("no command: {other:?}"),
    }
}

/// The method of the `index`th command of a partition.
fn method(records: &[Copied], index: usize) -> String {
    match decode(&records[index].value) {
        Ok(Envelope::Command(command)) => command.method.to_owned(),
        other => panic!("no command: {other:?}"),
    }
}

fn reply(record: &Copied) -> Reply<'_> {
    match decode(&record.value) {
        Ok(Envelope::Reply(reply)) => reply,
        other => panic!("no reply: {other:?}"),
    }
}

/// The reply to the call with this id, once it is there.
async fn reply_to(replies: &Tail, id: [u8; 16]) -> Copied {
    for count in 1.. {
        let records = replies.first(count).await;
        if let Some(found) = records.iter().find(|one| one.key.as_deref() == Some(&id)) {
            return found.clone();
        }
    }
    unreachable!("records don't end")
}

#[track_caller]
fn check_clock_alone(record: &Copied) {
    let reply = reply(record);
    let ReplyBody::Error { code, outcome, .. } = reply.body else {
        panic!("no refusal: {reply:?}")
    };
    assert_eq!((code, outcome), (Code::DeadlineExceeded, Outcome::NotRun));
    assert!(reply.times.clock.is_some() && reply.times.read_at_us.is_some());
}

/// How a command says that it was sent at the moment when this reply's was read, or so much earlier.
fn by_clock_of(record: &Copied, ms_before: u64) -> Sent {
    let times = reply(record).times;
    Sent {
        at_ms: times.read_at_us.unwrap() / 1_000 - ms_before,
        error_ms: 5,
        clock: times.clock.unwrap(),
    }
}

async fn told(world: World) {
    let _server = world.serve(&Desk::default()).await;
    let (commands, replies) = (
        world.tail("Probe.commands", 0).await,
        world.tail("Probe.results", 0).await,
    );
    let probe: ProbeClient = world.attach().await;
    for _ in 0..3 {
        probe.unit().partition(0).await.unwrap();
    }
    let (commands, replies) = (commands.first(3).await, replies.first(3).await);
    assert_eq!(sent(&commands, 0), None, "nothing was known yet");
    for index in [1, 2] {
        let sent = sent(&commands, index).expect("it was told");
        let times = reply(&replies[index]).times;
        assert_eq!(Some(sent.clock), times.clock);
        let read_ms = times.read_at_us.unwrap() / 1_000;
        assert!(
            sent.at_ms <= read_ms + sent.error_ms,
            "{sent:?}, read at {read_ms}"
        );
        assert!(sent.error_ms <= 500);
    }
}

async fn another_time(world: World) {
    let (server, _, desk) = world.pair().await;
    let replies = world.tail("Probe.results", 0).await;
    for (id, ahead_ms) in [([1; 16], 50_000), ([2; 16], -120_000)] {
        let command = raw_command(id, "unit", &world.topic("Probe.results"));
        world
            .produce_dated("Probe.commands", 0, None, &command, ahead_ms)
            .await;
        check_clock_alone(&reply_to(&replies, id).await);
    }
    assert!(!desk.saw("unit"));
    assert_eq!(server.stats().clock_answers, 2);
}

async fn dated(world: World) {
    let (_server, _, desk) = world.pair().await;
    let replies = world.tail("Probe.results", 0).await;
    let topic = world.topic("Probe.results");
    let command = raw_command([1; 16], CLOCK_METHOD, &topic);
    world.produce("Probe.commands", 0, None, &command).await;
    let told = reply_to(&replies, [1; 16]).await;
    for (id, ahead_ms) in [([2; 16], 50_000), ([3; 16], -120_000)] {
        let command = raw_command_sent(id, "unit", &topic, Some(by_clock_of(&told, 0)));
        world
            .produce_dated("Probe.commands", 0, None, &command, ahead_ms)
            .await;
        let reply_record = reply_to(&replies, id).await;
        assert!(matches!(reply(&reply_record).body, ReplyBody::Value(_)));
    }
    assert_eq!(desk.count("unit"), 2);
}

async fn too_old(world: World) {
    let (_server, _, desk) = world.pair().await;
    let replies = world.tail("Probe.results", 0).await;
    let topic = world.topic("Probe.results");
    let command = raw_command([1; 16], CLOCK_METHOD, &topic);
    world.produce("Probe.commands", 0, None, &command).await;
    let told = reply_to(&replies, [1; 16]).await;
    // Its budget is a minute.
    let sent = by_clock_of(&told, 60_010);
    let command = raw_command_sent([2; 16], "unit", &topic, Some(sent));
    world.produce("Probe.commands", 0, None, &command).await;
    check_clock_alone(&reply_to(&replies, [2; 16]).await);
    assert!(!desk.saw("unit"));
}

async fn probe(world: World) {
    let (server, _, _) = world.pair().await;
    let replies = world.tail("Probe.results", 0).await;
    let topic = world.topic("Probe.results");
    let command = raw_command([1; 16], CLOCK_METHOD, &topic);
    world.produce("Probe.commands", 0, None, &command).await;
    let told = reply_to(&replies, [1; 16]).await;
    let reply = reply(&told);
    let ReplyBody::Error { code, .. } = reply.body else {
        panic!("no refusal: {reply:?}")
    };
    assert_eq!(code, Code::Unimplemented);
    assert!(reply.times.clock.is_some());
    assert_eq!(server.stats().refused(Code::Unimplemented), 0);
}

async fn oneway(world: World) {
    let desk = Desk::default();
    let server = world.serve(&desk).await;
    // Served by now, as another client knows.
    let other: ProbeClient = world.attach().await;
    world.warm_up(&other).await;
    let commands = world.tail("Probe.commands", 0).await;
    let probe: ProbeClient = world.attach().await;
    for text in ["first", "second"] {
        let note = probe.note(text.to_owned()).partition(0);
        note.timeout(Duration::from_secs(30)).await.unwrap();
    }
    let commands = commands.first(3).await;
    assert_eq!(method(&commands, 0), CLOCK_METHOD);
    for index in [1, 2] {
        assert_eq!(method(&commands, index), "note");
        assert!(sent(&commands, index).is_some());
    }
    world
        .until("both run", || {
            desk.saw("note first") && desk.saw("note second")
        })
        .await;
    assert_eq!(server.stats().clock_answers, 1);
}
