//! Foreign, broken, doubled and old records harm nobody.

use kafka_rpc::{CallId, Code, Outcome};
use kafka_rpc_core::wire::{Envelope, ReplyBody, decode};

use super::cases;
use super::refusals::{raw_command, raw_reply};
use crate::probe::{Desk, ProbeClient};
use crate::world::World;

cases! {
    "a command that comes twice runs once and is answered twice": duplicate_command;
    "a reply that comes twice is delivered once": duplicate_reply;
    "foreign records on the commands topic are passed over": foreign_commands;
    "foreign records on the results topic are passed over": foreign_results;
    "records without a value are passed over": tombstones;
    "a command with an unknown critical flag is refused and not run": critical_flag;
    "a command of an unknown wire version is refused and not run": wire_version;
    "a client in another language is answered": raw_client;
}

async fn duplicate_command(world: World) {
    let (server, _, desk) = world.pair().await;
    let tail = world.tail("Probe.results", 0).await;
    let command = raw_command([5; 16], "unit", &world.topic("Probe.results"));
    world.produce("Probe.commands", 0, None, &command).await;
    let first = tail.first(1).await;
    world.produce("Probe.commands", 0, None, &command).await;
    let both = tail.first(2).await;
    assert_eq!(first[0].value, both[1].value);
    assert_eq!(desk.count("unit"), 1);
    assert_eq!(server.stats().duplicates, 1);
}

async fn duplicate_reply(world: World) {
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    let tail = world.tail("Probe.commands", 0).await;
    let call = probe.echo(String::new()).partition(0);
    let id = call.id();
    let call = tokio::spawn(call);
    tail.first(1).await;
    let (one, two) = (raw_reply(&id, b"\xa3one"), raw_reply(&id, b"\xa3two"));
    for reply in [one, two] {
        world
            .produce("Probe.results", 0, Some(id.as_bytes()), &reply)
            .await;
    }
    assert_eq!(call.await.unwrap().unwrap(), "one");
    world
        .until("it is counted", || client.stats().duplicate_replies == 1)
        .await;
}

const FOREIGN: [&[u8]; 8] = [
    b"",
    b"{\"type\": \"order\", \"id\": 1}",
    b"plain text",
    &[0xc1],
    &[0xdd, 0xff, 0xff, 0xff, 0xff],
    &[0x91; 3000],
    &[0x93, 0x01, 0x01],
    &[0, 1, 2, 3, 4, 5, 6, 7],
];

async fn foreign_commands(world: World) {
    let desk = Desk::default();
    let server = world.serve(&desk).await;
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    for value in FOREIGN {
        world.produce("Probe.commands", 0, None, value).await;
        world.produce("Probe.commands", 0, Some(b"k"), value).await;
    }
    probe.unit().partition(0).await.unwrap();
    let stats = server.stats();
    assert_eq!(stats.malformed + stats.foreign, 16, "{stats:?}");
}

async fn foreign_results(world: World) {
    let desk = Desk::default();
    let _server = world.serve(&desk).await;
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    for value in FOREIGN {
        world.produce("Probe.results", 0, None, value).await;
        world
            .produce("Probe.results", 0, Some(&[1; 16]), value)
            .await;
    }
    probe.unit().await.unwrap();
    assert_eq!(client.stats().foreign_replies, 16);
}

async fn tombstones(world: World) {
    let (_server, probe, _) = world.pair().await;
    world.produce("Probe.commands", 0, Some(b"key"), b"").await;
    world.produce("Probe.results", 0, Some(b"key"), b"").await;
    probe.unit().partition(0).await.unwrap();
}

/// The refusal that a changed command is answered with.
async fn refusal(world: &World, command: &[u8]) -> (Code, Outcome) {
    let tail = world.tail("Probe.results", 0).await;
    world.produce("Probe.commands", 0, None, command).await;
    let reply = &tail.first(1).await[0].value;
    let Ok(Envelope::Reply(reply)) = decode(reply) else {
        panic!("the answer is a reply");
    };
    match reply.body {
        ReplyBody::Error { code, outcome, .. } => (code, outcome),
        other => panic!("the answer is a refusal, not {other:?}"),
    }
}

async fn critical_flag(world: World) {
    let (_server, _, desk) = world.pair().await;
    let mut command = raw_command([6; 16], "unit", &world.topic("Probe.results"));
    // Array header, version, kind, critical flags: one byte each.
    assert_eq!(command[3], 0);
    command[3] = 2;
    let refused = refusal(&world, &command).await;
    assert_eq!(refused, (Code::Unimplemented, Outcome::NotRun));
    assert!(!desk.saw("unit"));
}

async fn wire_version(world: World) {
    let (_server, _, desk) = world.pair().await;
    let mut command = raw_command([7; 16], "unit", &world.topic("Probe.results"));
    let version = command.iter().position(|byte| *byte == 1).unwrap();
    command[version] = 2;
    let refused = refusal(&world, &command).await;
    assert_eq!(refused, (Code::Unimplemented, Outcome::NotRun));
    assert!(!desk.saw("unit"));
}

async fn raw_client(world: World) {
    let (_server, _, desk) = world.pair().await;
    let id = CallId::new(*b"\x01other-1", 1);
    let command = raw_command(*id.as_bytes(), "unit", &world.topic("Probe.results"));
    let tail = world.tail("Probe.results", 0).await;
    world.produce("Probe.commands", 2, None, &command).await;
    let record = &tail.first(1).await[0];
    assert_eq!(record.key.as_deref(), Some(&id.as_bytes()[..]));
    let Ok(Envelope::Reply(reply)) = decode(&record.value) else {
        panic!("the answer is a reply");
    };
    assert_eq!(reply.call_id, id);
    assert!(reply.body == ReplyBody::Value(&[0xc0]));
    assert!(desk.saw("unit"));
}
