//! Every call ends by its deadline, and what nobody waits for is stopped.

use std::time::Duration;

use kafka_rpc::{Code, Outcome};
use kafka_rpc_core::wire::{Envelope, decode};

use super::cases;
use super::refusals::{raw_command, raw_reply};
use crate::probe::{Desk, ProbeClient};
use crate::world::World;

cases! {
    "without a server a call ends at its deadline, not earlier": silent;
    "a slow handler is stopped at the deadline": slow_handler;
    "a method's own timeout is its default": method_timeout;
    "a timeout of zero sends nothing": zero;
    "a dropped call stops its handler": dropped;
    "a call that is dropped in the queue never runs": dropped_in_queue;
    "a dropped call frees its place at once": dropped_frees;
    "a late reply is counted and harms nobody": late;
    "a reply after a drop is counted and harms nobody": reply_after_drop;
    "a command that expired in the log isn't run": expired_in_log;
    "a command that waits in the log for a server is run within its budget": waits_in_log;
    "a thread's deadline rings too": blocking;
}

async fn silent(world: World) {
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    let timeout = Duration::from_millis(300);
    let start = world.now();
    let error = probe.unit().timeout(timeout).await.unwrap_err();
    let took = world.now() - start;
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(error.message().contains("Probe.unit"), "{error}");
    assert!(took >= timeout, "ended {:?} early", timeout - took);
    let stats = client.stats();
    assert_eq!((stats.in_flight, stats.expired), (0, 1));
}

async fn slow_handler(world: World) {
    let (server, probe, desk) = world.pair().await;
    let call = probe.sleep(60_000).timeout(Duration::from_millis(500));
    let error = call.await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    world
        .until("the handler is stopped", || {
            desk.saw("sleep 60000 was stopped") || server.stats().expired > 0
        })
        .await;
    assert!(!desk.saw("sleep 60000 ended"));
    world
        .until("its place is free", || server.stats().running == 0)
        .await;
}

async fn method_timeout(world: World) {
    let (_server, probe, _) = world.pair().await;
    assert_eq!(probe.impatient(1).await.unwrap(), 1);
    let start = world.now();
    let error = probe.impatient(60_000).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(world.now() - start < Duration::from_secs(10));
}

async fn zero(world: World) {
    let (_server, probe, desk) = world.pair().await;
    let error = probe.unit().timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.outcome(), Outcome::NotRun);
    probe.echo("after".to_owned()).await.unwrap();
    assert!(!desk.saw("unit"));
}

async fn dropped(world: World) {
    let (server, probe, desk) = world.pair().await;
    for partition in 0..3 {
        let name = format!("at {partition}");
        let call = tokio::spawn(probe.hold(name.clone()).partition(partition));
        world
            .until("it runs", || desk.saw(&format!("hold {name} began")))
            .await;
        call.abort();
        world
            .until("it is stopped", || {
                desk.saw(&format!("hold {name} was stopped"))
            })
            .await;
    }
    world
        .until("the server counts it", || server.stats().cancelled == 3)
        .await;
}

async fn dropped_in_queue(world: World) {
    let desk = Desk::default();
    let server = world
        .start(world.server_builder().concurrency(1), &desk)
        .await;
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    let first = tokio::spawn(probe.hold("first".to_owned()).partition(0));
    world
        .until("the first runs", || desk.saw("hold first began"))
        .await;
    let second = tokio::spawn(probe.echo("second".to_owned()).partition(0));
    world
        .until("the second waits", || server.stats().queued == 1)
        .await;
    second.abort();
    world
        .until("the second is gone", || server.stats().queued == 0)
        .await;
    desk.open();
    first.await.unwrap().unwrap();
    probe.unit().partition(0).await.unwrap();
    assert!(!desk.saw("echo second"));
}

async fn dropped_frees(world: World) {
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    let call = tokio::spawn(probe.unit());
    world
        .until("it is in flight", || client.stats().in_flight == 1)
        .await;
    call.abort();
    let _ = call.await;
    let stats = client.stats();
    assert_eq!((stats.in_flight, stats.cancelled), (0, 1));
}

async fn late(world: World) {
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    let call = probe.unit().timeout(Duration::from_millis(100));
    let id = call.id();
    call.await.unwrap_err();
    let reply = raw_reply(&id, &[0xc0]);
    world
        .produce("Probe.results", 0, Some(id.as_bytes()), &reply)
        .await;
    world
        .until("it is counted", || client.stats().late_replies == 1)
        .await;
    // A server that comes within the allowance may still run it, which makes one late reply more.
    let _server = world.serve(&Desk::default()).await;
    probe.unit().await.unwrap();
    assert_eq!(client.stats().answered, 1);
}

async fn reply_after_drop(world: World) {
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    let tail = world.tail("Probe.commands", 0).await;
    let call = probe.unit().partition(0);
    let id = call.id();
    let call = tokio::spawn(call);
    let command = &tail.first(1).await[0];
    call.abort();
    let _ = call.await;
    let cancel = &tail.first(2).await[1];
    assert!(matches!(decode(&command.value), Ok(Envelope::Command(_))));
    assert!(
        matches!(decode(&cancel.value), Ok(Envelope::Cancel(cancel)) if cancel.call_id == id),
        "the cancel follows its command on the same partition"
    );
    let reply = raw_reply(&id, &[0xc0]);
    world
        .produce("Probe.results", 0, Some(id.as_bytes()), &reply)
        .await;
    world
        .until("it is counted", || client.stats().late_replies == 1)
        .await;
}

async fn expired_in_log(world: World) {
    let probe: ProbeClient = world.attach().await;
    let call = probe.echo("expired".to_owned()).partition(0);
    let timeout = Duration::from_millis(100);
    call.timeout(timeout).await.unwrap_err();
    // Beyond the budget and the allowance for clocks that differ.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let desk = Desk::default();
    let server = world.serve(&desk).await;
    probe.unit().partition(0).await.unwrap();
    assert!(!desk.saw("echo expired"));
    assert_eq!(server.stats().expired, 1);
}

async fn waits_in_log(world: World) {
    let probe: ProbeClient = world.attach().await;
    let tail = world.tail("Probe.commands", 0).await;
    let call = tokio::spawn(probe.echo("patient".to_owned()).partition(0));
    tail.first(1).await;
    let _server = world.serve(&Desk::default()).await;
    assert_eq!(call.await.unwrap().unwrap(), "patient");
}

async fn blocking(world: World) {
    let probe: ProbeClient = world.attach().await;
    let call = probe.unit().timeout(Duration::from_millis(200));
    let ended = tokio::task::spawn_blocking(move || call.wait()).await;
    let error = ended.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    // A command of a client in another language has a deadline of its own, too.
    let desk = Desk::default();
    let _server = world.serve(&desk).await;
    let command = raw_command([3; 16], "unit", &world.topic("Probe.results"));
    world.produce("Probe.commands", 0, None, &command).await;
    world.until("it runs", || desk.saw("unit")).await;
}
