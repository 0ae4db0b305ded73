//! A server says whether it serves, and why not.

use std::time::Duration;

use kafka_rpc::{HealthCause, Server, StopReason};

use super::cases;
use crate::probe::Desk;
use crate::world::World;

cases! {
    "a started server is ready, and its health names its partitions": ready;
    "a server that gets no partition is a standby until another one goes": standby;
    "a server that drains isn't ready, and says when it has stopped": draining;
    "a dropped server says when it has stopped": dropped;
    "a command that runs long shows in the health": oldest;
    "a server runs until its signal": until;
}

fn partitions(server: &Server) -> Vec<u32> {
    let health = server.health();
    health.partitions.iter().map(|one| one.partition).collect()
}

async fn ready(world: World) {
    let server = world.serve(&Desk::default()).await;
    server.ready().await.unwrap();
    let health = server.health();
    assert!(health.live && health.ready, "{health}");
    world
        .until("it owns all", || partitions(&server) == [0, 1, 2])
        .await;
    let health = server.health();
    assert!(!health.standby && health.reasons.is_empty(), "{health}");
    assert_eq!(health.partitions[0].topic, world.topic("Probe.commands"));
    world
        .until("the lag is known", || {
            let partitions = server.health().partitions;
            partitions.iter().all(|one| one.lag == Some(0))
        })
        .await;
    assert_eq!(server.handle().id(), server.id());
    server.shutdown().await.unwrap();
}

async fn standby(world: World) {
    let mut servers = Vec::new();
    for _ in 0..4 {
        servers.push(world.serve(&Desk::default()).await);
    }
    let standbys = |servers: &[Server]| {
        let standbys = servers.iter().filter(|server| server.health().standby);
        standbys.count()
    };
    let owned = |servers: &[Server]| {
        servers
            .iter()
            .map(|one| partitions(one).len())
            .sum::<usize>()
    };
    world
        .until("three of them serve", || {
            standbys(&servers) == 1 && owned(&servers) == 3
        })
        .await;
    let serving = servers.iter().position(|server| !server.health().standby);
    let goes = servers.remove(serving.unwrap());
    goes.shutdown().await.unwrap();
    world
        .until("it takes over", || {
            standbys(&servers) == 0 && owned(&servers) == 3
        })
        .await;
}

async fn draining(world: World) {
    let (server, probe, desk) = world.pair().await;
    let handle = server.handle();
    let stopped = tokio::spawn(handle.stopped());
    let call = tokio::spawn(probe.hold("held".to_owned()));
    world.until("it runs", || desk.saw("hold held began")).await;
    let shutdown = tokio::spawn(server.shutdown());
    world
        .until("it isn't ready", || {
            let health = handle.health();
            health.live && !health.ready
        })
        .await;
    assert_eq!(handle.health().reasons[0].cause, HealthCause::Stopping);
    assert!(!stopped.is_finished());
    desk.open();
    shutdown.await.unwrap().unwrap();
    assert_eq!(call.await.unwrap().unwrap(), "held");
    assert_eq!(stopped.await.unwrap().unwrap(), StopReason::Shutdown);
    assert!(!handle.health().live);
    assert!(handle.stats().answered > 0, "a handle outlives its server");
    handle.ready().await.unwrap_err();
}

async fn dropped(world: World) {
    let server = world.serve(&Desk::default()).await;
    let handle = server.handle();
    drop(server);
    assert_eq!(handle.stopped().await.unwrap(), StopReason::Dropped);
}

async fn oldest(world: World) {
    let (server, probe, desk) = world.pair().await;
    let call = tokio::spawn(probe.hold("held".to_owned()).partition(1));
    let held = |least: Option<Duration>| {
        let health = server.health();
        let one = health.partitions.iter().find(|one| one.partition == 1);
        one.is_some_and(|one| match least {
            None => one.oldest.is_none() && one.lag == Some(0),
            Some(least) => one.oldest >= Some(least) && one.lag > Some(0),
        })
    };
    world
        .until("it has run for a while", || {
            held(Some(Duration::from_secs(2)))
        })
        .await;
    assert!(server.health().ready, "a slow handler is no reason");
    desk.open();
    call.await.unwrap().unwrap();
    world.until("nothing is open", || held(None)).await;
}

async fn until(world: World) {
    let (server, probe, _) = world.pair().await;
    let handle = server.handle();
    let (signal, signalled) = tokio::sync::oneshot::channel::<()>();
    let main = tokio::spawn(server.run_until(signalled));
    probe.unit().await.unwrap();
    assert!(!main.is_finished() && handle.health().ready);
    drop(signal);
    main.await.unwrap().unwrap();
    assert_eq!(handle.stopped().await.unwrap(), StopReason::Shutdown);
}
