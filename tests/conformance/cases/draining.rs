//! A server that is asked to stop hands its partitions over at once, and finishes what it runs.

use std::time::Duration;

use super::cases;
use crate::probe::{Desk, ProbeClient};
use crate::world::World;

cases! {
    "a drain that outlasts a session repeats no answered call": outlasts_a_session,
        lacks "commits while a group rebalances";
    "a server that drains starts nothing of partitions that it is given": starts_nothing_new,
        lacks "commits while a group rebalances";
}

/// Longer than a session, which is 6 s.
const DRAIN: Duration = Duration::from_secs(8);

async fn outlasts_a_session(world: World) {
    let (server, probe, desk) = world.pair().await;
    let slow = DRAIN.as_millis().try_into().unwrap();
    let slow: Vec<_> = (0..3)
        .map(|partition| tokio::spawn(probe.sleep(slow).partition(partition)))
        .collect();
    world
        .until("they run", || desk.count("sleep 8000 began") == 3)
        .await;
    // Answered at once, but not committed before the slow ones of their partitions.
    for n in 0..30 {
        probe.echo(n.to_string()).partition(n % 3).await.unwrap();
    }
    let next = Desk::default();
    let shutdown = tokio::spawn(server.shutdown());
    // It takes over what the first one gives up, and at once what that one is believed to be dead for.
    let _next_server = world.serve(&next).await;
    shutdown.await.unwrap().unwrap();
    for call in slow {
        assert_eq!(call.await.unwrap().unwrap(), 8_000);
    }
    world.warm_up(&probe).await;
    probe.unit().await.unwrap();
    assert_eq!(next.journal(), ["unit"]);
}

async fn starts_nothing_new(world: World) {
    let (first, second) = (Desk::default(), Desk::default());
    let first_server = world.serve(&first).await;
    let second_server = world.serve(&second).await;
    let probe: ProbeClient = world.attach().await;
    let shared = || first.saw("echo who") && second.saw("echo who");
    world
        .until("both serve", || {
            for partition in 0..3 {
                tokio::spawn(probe.echo("who".to_owned()).partition(partition));
            }
            shared()
        })
        .await;
    // Each partition has one, so that the first server has one to drain.
    let held: Vec<_> = (0..3)
        .map(|partition| tokio::spawn(probe.hold("held".to_owned()).partition(partition)))
        .collect();
    world
        .until("they run", || {
            first.count("hold held began") + second.count("hold held began") == 3
        })
        .await;
    let draining = tokio::spawn(first_server.shutdown());
    second.open();
    second_server.shutdown().await.unwrap();
    // All partitions are the first server's now, or nobody's.
    let late: Vec<_> = (0..3)
        .map(|partition| tokio::spawn(probe.echo("late".to_owned()).partition(partition)))
        .collect();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    first.open();
    draining.await.unwrap().unwrap();
    assert!(!first.saw("echo late") && !second.saw("echo late"));

    let third = Desk::default();
    let _third_server = world.serve(&third).await;
    for call in late.into_iter().chain(held) {
        call.await.unwrap().unwrap();
    }
    assert_eq!(third.count("echo late"), 3);
    assert!(!third.saw("hold held began"), "they ended where they began");
}
