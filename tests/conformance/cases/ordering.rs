//! Which calls run one after another.

use std::collections::HashMap;

use kafka_rpc::Ordering;
use kafka_rpc_core::wire::partition_for;

use super::cases;
use crate::probe::{Desk, ProbeClient};
use crate::world::World;

cases! {
    "calls with one key run in order, one at a time": by_key;
    "calls with different keys overlap": keys_overlap;
    "calls with one key go to one partition, as Java would choose": key_partition;
    "the call's own key takes the place of the declared one": own_key;
    "by partition, calls of a partition run in order, one at a time": by_partition;
    "unordered, calls with one key overlap": unordered;
    "no more handlers run than the concurrency allows": concurrency;
}

async fn by_key(world: World) {
    let (_server, probe, desk) = world.pair().await;
    let accounts = ["alice", "bob", "carol"];
    let mut calls = Vec::new();
    for value in 0..30 {
        for account in accounts {
            let call = probe.append(account.to_owned(), value);
            // Polled in this order, since a spawned task might not be.
            let mut call = Box::pin(call);
            let first = std::future::poll_fn(|context| {
                std::task::Poll::Ready(call.as_mut().poll(context).is_pending())
            });
            assert!(first.await, "it can't be answered at its first poll");
            calls.push(call);
        }
    }
    for call in calls {
        call.await.unwrap();
    }
    let journal = desk.journal();
    for account in accounts {
        let ran: Vec<_> = journal
            .iter()
            .filter(|entry| entry.starts_with(account))
            .cloned()
            .collect();
        let expected: Vec<_> = (0..30)
            .flat_map(|value| [format!("{account}+{value}"), format!("{account}-{value}")])
            .collect();
        assert_eq!(ran, expected);
    }
}

async fn keys_overlap(world: World) {
    let (_server, probe, desk) = world.pair().await;
    let one = tokio::spawn(probe.hold("one".to_owned()).key("k1").partition(0));
    let two = tokio::spawn(probe.hold("two".to_owned()).key("k2").partition(0));
    world
        .until("both run", || {
            desk.saw("hold one began") && desk.saw("hold two began")
        })
        .await;
    let three = tokio::spawn(probe.hold("three".to_owned()).key("k1").partition(0));
    probe.unit().partition(0).await.unwrap();
    assert!(!desk.saw("hold three began"));
    desk.open();
    for call in [one, two, three] {
        call.await.unwrap().unwrap();
    }
}

async fn key_partition(world: World) {
    let (_server, probe, _) = world.pair().await;
    let tails = [
        world.tail("Probe.commands", 0).await,
        world.tail("Probe.commands", 1).await,
        world.tail("Probe.commands", 2).await,
    ];
    let mut expected: HashMap<u32, usize> = HashMap::new();
    for n in 0..12 {
        let account = format!("account {n}");
        let partition = partition_for(account.as_bytes(), 3);
        *expected.entry(partition).or_default() += 2;
        for _ in 0..2 {
            probe.append(account.clone(), n).await.unwrap();
        }
        let records = tails[partition as usize].first(expected[&partition]).await;
        let key = records.last().and_then(|record| record.key.clone());
        assert_eq!(key.as_deref(), Some(account.as_bytes()));
    }
}

async fn own_key(world: World) {
    let (_server, probe, _) = world.pair().await;
    let key = 77_u64.to_be_bytes();
    let partition = partition_for(&key, 3);
    let tail = world.tail("Probe.commands", partition).await;
    let call = probe.append("not this".to_owned(), 1).key(key);
    call.await.unwrap();
    assert_eq!(tail.first(1).await[0].key.as_deref(), Some(&key[..]));
}

async fn by_partition(world: World) {
    let desk = Desk::default();
    let builder = world.server_builder().ordering(Ordering::ByPartition);
    let _server = world.start(builder, &desk).await;
    let probe: ProbeClient = world.attach().await;
    world.warm_up(&probe).await;
    let blocked = tokio::spawn(probe.hold("first".to_owned()).partition(0));
    world
        .until("the first runs", || desk.saw("hold first began"))
        .await;
    let behind = tokio::spawn(probe.echo("behind".to_owned()).partition(0));
    // Another partition isn't held up.
    probe.echo("beside".to_owned()).partition(1).await.unwrap();
    assert!(!desk.saw("echo behind"));
    desk.open();
    blocked.await.unwrap().unwrap();
    behind.await.unwrap().unwrap();
}

async fn unordered(world: World) {
    let desk = Desk::default();
    let builder = world.server_builder().ordering(Ordering::Unordered);
    let _server = world.start(builder, &desk).await;
    let probe: ProbeClient = world.attach().await;
    let calls =
        ["one", "two", "three"].map(|name| tokio::spawn(probe.hold(name.to_owned()).key("same")));
    world
        .until("all run at once", || {
            ["one", "two", "three"]
                .iter()
                .all(|name| desk.saw(&format!("hold {name} began")))
        })
        .await;
    desk.open();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

async fn concurrency(world: World) {
    let desk = Desk::default();
    let server = world
        .start(world.server_builder().concurrency(2), &desk)
        .await;
    let probe: ProbeClient = world.attach().await;
    let calls: Vec<_> = (0..5)
        .map(|n| tokio::spawn(probe.hold(n.to_string())))
        .collect();
    let began = |desk: &Desk| {
        desk.journal()
            .iter()
            .filter(|e| e.ends_with("began"))
            .count()
    };
    // A handler counts as running a moment before it begins.
    world
        .until("two run and three wait", || {
            (server.stats().running, server.stats().queued) == (2, 3) && began(&desk) == 2
        })
        .await;
    desk.open();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(began(&desk), 5);
}
