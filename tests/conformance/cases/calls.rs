//! What a call carries there and back.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use kafka_rpc::CallError;
use kafka_rpc::{Call, RpcError};

use super::cases;
use crate::probe::{
    Order, OtherProbeClient, ProbeClient, Refusal, RelayClient, RelayDesk, RelayServer, Status,
};
use crate::world::World;

cases! {
    "a value comes back": value;
    "arguments keep their places": argument_order;
    "a nested value with every shape comes back": nested;
    "a method without an answer returns": unit;
    "byte vectors come back, empty and large": bytes;
    "any Unicode text comes back": unicode;
    "a result of the method comes back as Ok": method_ok;
    "an error of the method comes back as itself": method_error;
    "a one-way call is acknowledged and runs": oneway;
    "five hundred calls at once each get their own reply": many_at_once;
    "nothing is sent before the first poll": lazy;
    "a call that is never polled leaves nothing": never_polled;
    "calls run in spawned tasks": spawned;
    "a thread can wait for a call": blocking;
    "metadata names server, attempt and times": metadata;
    "the handler knows the call's id": call_id;
    "headers reach the handler and the record": headers;
    "a call in a handler has the handler's deadline and trace": nested_call;
    "two services share one client": two_services;
    "many clients share a results partition without crossed replies": shared_partition;
    "arguments are matched by name, not by place": by_name;
    "statistics account for every call": statistics;
}

async fn value(world: World) {
    let (_server, probe, desk) = world.pair().await;
    assert_eq!(probe.echo("hello".to_owned()).await.unwrap(), "hello");
    assert_eq!(desk.count("echo hello"), 1);
}

async fn argument_order(world: World) {
    let (_server, probe, _) = world.pair().await;
    assert_eq!(probe.subtract(i64::MAX, 1).await.unwrap(), i64::MAX - 1);
    assert_eq!(probe.subtract(i64::MIN, -1).await.unwrap(), i64::MIN + 1);
}

async fn nested(world: World) {
    let (_server, probe, _) = world.pair().await;
    for status in [
        Status::Open,
        Status::Paid { cents: u64::MAX },
        Status::Sent("Zürich".to_owned(), true),
    ] {
        let order = Order {
            id: 7,
            lines: vec![("apple".to_owned(), 3), (String::new(), i32::MIN)],
            status,
            notes: BTreeMap::from([("empty".to_owned(), None), ("some".to_owned(), Some(-0.5))]),
            seal: vec![0, 127, 128, 255],
        };
        assert_eq!(probe.order(order.clone()).await.unwrap(), Some(order));
    }
    let nobody = Order {
        id: 0,
        lines: vec![],
        status: Status::Open,
        notes: BTreeMap::new(),
        seal: vec![],
    };
    assert_eq!(probe.order(nobody).await.unwrap(), None);
}

async fn unit(world: World) {
    let (_server, probe, desk) = world.pair().await;
    let () = probe.unit().await.unwrap();
    assert_eq!(desk.count("unit"), 1);
}

async fn bytes(world: World) {
    let (_server, probe, _) = world.pair().await;
    for length in [0, 1, 255, 256, 100_000] {
        let data: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let mut reversed = data.clone();
        reversed.reverse();
        assert_eq!(probe.bytes(data).await.unwrap(), reversed);
    }
}

async fn unicode(world: World) {
    let (_server, probe, _) = world.pair().await;
    for text in ["", "\0", "Ünïcödé", "日本語", "👩‍🚀\u{202e}", "\u{10ffff}"] {
        assert_eq!(probe.echo(text.to_owned()).await.unwrap(), text);
    }
}

async fn method_ok(world: World) {
    let (_server, probe, _) = world.pair().await;
    assert_eq!(probe.divide(12, 4).await.unwrap(), 3);
}

async fn method_error(world: World) {
    let (_server, probe, _) = world.pair().await;
    let by_zero = probe.divide(1, 0).await.unwrap_err();
    assert!(matches!(by_zero, CallError::App(Refusal::ByZero)));
    let odd = probe.divide(-7, 2).await.unwrap_err();
    assert_eq!(odd.app(), Some(Refusal::Odd { remainder: -1 }));
}

async fn oneway(world: World) {
    let (_server, probe, desk) = world.pair().await;
    probe.note("remember".to_owned()).await.unwrap();
    world
        .until("the note is taken", || desk.saw("note remember"))
        .await;
}

async fn many_at_once(world: World) {
    let (_server, probe, _) = world.pair().await;
    let calls: Vec<_> = (0..500)
        .map(|n| (n, tokio::spawn(probe.echo(format!("call {n}")))))
        .collect();
    for (n, call) in calls {
        assert_eq!(call.await.unwrap().unwrap(), format!("call {n}"));
    }
}

async fn lazy(world: World) {
    let (_server, probe, desk) = world.pair().await;
    let tail = world.tail("Probe.commands", 0).await;
    let call = probe.echo("lazy".to_owned()).partition(0);
    probe.subtract(1, 1).partition(0).await.unwrap();
    assert_eq!(tail.first(1).await.len(), 1);
    assert!(!desk.saw("echo lazy"));
    assert_eq!(call.await.unwrap(), "lazy");
    assert_eq!(tail.first(2).await.len(), 2);
}

async fn never_polled(world: World) {
    let client = world.client().await;
    let _server = world.serve(&Default::default()).await;
    let probe: ProbeClient = client.attach().await.unwrap();
    drop(probe.echo("never".to_owned()));
    assert_eq!(client.stats().started, 0);
    assert_eq!(client.stats().cancelled, 0);
}

async fn spawned(world: World) {
    fn is_named_and_movable<T: Send + Unpin + 'static>(_: &T) {}
    let (_server, probe, _) = world.pair().await;
    let call: Call<String, RpcError> = probe.echo("moved".to_owned());
    is_named_and_movable(&call);
    let (one, two) = tokio::join!(tokio::spawn(call), probe.subtract(5, 3));
    assert_eq!(one.unwrap().unwrap(), "moved");
    assert_eq!(two.unwrap(), 2);
}

async fn blocking(world: World) {
    let (_server, probe, _) = world.pair().await;
    let waiting = tokio::task::spawn_blocking(move || probe.echo("thread".to_owned()).wait());
    assert_eq!(waiting.await.unwrap().unwrap(), "thread");
}

async fn metadata(world: World) {
    let desk = Default::default();
    let _server = world
        .start(world.server_builder().server_id("first"), &desk)
        .await;
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    let call = probe.sleep(20);
    let id = call.id();
    let reply = call.with_metadata().await.unwrap();
    assert_eq!((reply.value, reply.call_id), (20, id));
    assert_eq!((reply.server.as_str(), reply.attempt), ("first", 1));
    assert!(reply.times.handler >= Duration::from_millis(20));
    assert!(reply.times.round_trip >= reply.times.handler + reply.times.queued);
}

async fn call_id(world: World) {
    let (_server, probe, _) = world.pair().await;
    let call = probe.context();
    let id = call.id().to_string();
    let seen = call.await.unwrap();
    assert_eq!((seen.call_id, seen.attempt), (id, 1));
    assert!(seen.left_ms > 0 && seen.left_ms <= 20_000);
}

async fn headers(world: World) {
    let (_server, probe, _) = world.pair().await;
    let tail = world.tail("Probe.commands", 1).await;
    let call = probe.context().header("x-test", b"\x00\xff".to_vec());
    let seen = call.partition(1).await.unwrap();
    assert_eq!(seen.header, Some(vec![0, 255]));
    let records = tail.first(1).await;
    let header = ("x-test".to_owned(), vec![0, 255]);
    assert!(records[0].headers.contains(&header));
}

async fn nested_call(world: World) {
    let (_server, probe, desk) = world.pair().await;
    let _relay_server = world
        .server_builder()
        .service(RelayServer::new(RelayDesk(probe)))
        .start()
        .await
        .unwrap();
    let relay: RelayClient = world.attach().await;
    let tails = [
        world.tail("Probe.commands", 0).await,
        world.tail("Probe.commands", 1).await,
        world.tail("Probe.commands", 2).await,
    ];
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let seen = relay
        .relay()
        .header("traceparent", traceparent)
        .timeout(Duration::from_secs(7))
        .await
        .unwrap();
    assert!(seen.left_ms <= 7_000, "{} ms are left", seen.left_ms);
    world
        .until("the nested command is read", || {
            tails.iter().any(|tail| !tail.records().is_empty())
        })
        .await;
    let nested = tails.iter().flat_map(|tail| tail.records()).next().unwrap();
    let header = ("traceparent".to_owned(), traceparent.as_bytes().to_vec());
    assert!(nested.headers.contains(&header));

    let late = relay.stall().timeout(Duration::from_millis(500)).await;
    match late {
        Ok(code) => assert_eq!(code, "DeadlineExceeded"),
        Err(error) => assert_eq!(error.code(), kafka_rpc::Code::DeadlineExceeded),
    }
    world
        .until("the nested handler is stopped", || {
            desk.saw("sleep 60000 was stopped") || !desk.saw("sleep 60000 began")
        })
        .await;
}

async fn two_services(world: World) {
    let (_server, probe, _) = world.pair().await;
    let _relay_server = world
        .server_builder()
        .service(RelayServer::new(RelayDesk(probe)))
        .start()
        .await
        .unwrap();
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    let relay: RelayClient = client.attach().await.unwrap();
    let (one, two) = tokio::join!(probe.echo("one".to_owned()), relay.relay());
    assert_eq!(one.unwrap(), "one");
    assert_eq!(two.unwrap().attempt, 1);
}

async fn shared_partition(world: World) {
    let _server = world.serve(&Default::default()).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = world.client().await;
        let probe: ProbeClient = client.attach().await.unwrap();
        clients.push((client, probe));
    }
    let mut calls = Vec::new();
    let mut ids = HashSet::new();
    for n in 0..50 {
        for (index, (_, probe)) in clients.iter().enumerate() {
            let call = probe.echo(format!("{index}/{n}"));
            assert!(ids.insert(call.id()), "ids are never used twice");
            calls.push((format!("{index}/{n}"), tokio::spawn(call)));
        }
    }
    for (expected, call) in calls {
        assert_eq!(call.await.unwrap().unwrap(), expected);
    }
    for (client, _) in &clients {
        world
            .until("the others' replies are seen and dropped", || {
                client.stats().foreign_replies == 100
            })
            .await;
        assert_eq!(client.stats().answered, 50);
        assert_eq!(client.stats().late_replies, 0);
    }
}

async fn by_name(world: World) {
    let (_server, _, _) = world.pair().await;
    let other: OtherProbeClient = world.attach().await;
    let difference = other.subtract(3, Some("ignored".to_owned()), 10).await;
    assert_eq!(difference.unwrap(), 7);
}

async fn statistics(world: World) {
    let desk = Default::default();
    let server = world.serve(&desk).await;
    let client = world.client().await;
    let probe: ProbeClient = client.attach().await.unwrap();
    probe.unit().await.unwrap();
    probe.divide(1, 0).await.unwrap_err();
    probe.note(String::new()).await.unwrap();
    let stats = client.stats();
    assert_eq!((stats.started, stats.in_flight), (3, 0));
    assert_eq!((stats.answered, stats.acknowledged), (2, 1));
    world
        .until("the server counts the same", || {
            let stats = server.stats();
            stats.started == 3 && stats.running == 0
        })
        .await;
}
