//! Deadlines hold however the clocks stand: nothing begins more than a second after its deadline, and no
//! call with time left is dropped. In memory, in virtual time.

#![allow(clippy::unwrap_used)]

mod attempts;
mod sim;

use std::time::Duration;

use sim::{Calls, HOUR_MS, MINUTE, Sim};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Guarantee: whatever a client's clock says at first, its calls run; and when it is set, they go on.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_off_at_first_and_is_set_loses_no_call() {
    for off_ms in [30_000, -30_000, 50 * 60_000, -50 * 60_000] {
        let sim = Sim::new();
        let server = sim.serve(&sim.node("server", 0)).await;
        let node = sim.node("client", off_ms);
        let (client, deadlines) = sim.client(&node).await;
        let mut calls = Calls::of(&sim, &deadlines, 20).await;
        node.set_wall_offset_ms(0);
        calls.add(&sim, &deadlines, 20).await;
        assert_eq!(calls.all_answered().await, 400);
        sim.check();
        let (stats, resent) = (server.stats(), client.stats().resent);
        assert_eq!(stats.clock_answers, resent);
        assert!((1..=60).contains(&resent), "{resent}");
        assert_eq!(
            (client.stats().answered, client.stats().in_flight),
            (400, 0)
        );
        assert_eq!(client.stats().started, 400);
    }
}

/// Guarantee: steps of a client's clock change nothing once a server has answered.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_stepped_every_minute_loses_no_call() {
    let sim = Sim::new();
    let server = sim.serve(&sim.node("server", 0)).await;
    let node = sim.node("client", 0);
    let (client, deadlines) = sim.client(&node).await;
    let mut calls = Calls::of(&sim, &deadlines, 5).await;
    for minute in 0..10 {
        node.set_wall_offset_ms(if minute % 2 == 0 { 30_000 } else { -30_000 });
        calls.add(&sim, &deadlines, 3).await;
        sleep(MINUTE).await;
    }
    calls.all_answered().await;
    sim.check();
    assert_eq!(
        (client.stats().resent, server.stats().clock_answers),
        (0, 0)
    );
    assert_eq!(server.stats().expired, 0);
}

/// Guarantee: a server's clock may be wrong, and may be set while it runs.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_off_and_is_stepped_loses_no_call() {
    for off_ms in [HOUR_MS, -HOUR_MS] {
        let sim = Sim::new();
        let node = sim.node("server", off_ms);
        let server = sim.serve(&node).await;
        let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
        let mut calls = Calls::of(&sim, &deadlines, 5).await;
        let first_contact = client.stats().resent;
        assert!(first_contact > 0);
        for step_ms in [30_000, 0, -30_000, 2 * HOUR_MS] {
            node.set_wall_offset_ms(off_ms + step_ms);
            calls.add(&sim, &deadlines, 5).await;
            sleep(MINUTE).await;
        }
        calls.all_answered().await;
        sim.check();
        assert_eq!(client.stats().resent, first_contact);
        assert_eq!(server.stats().clock_answers, first_contact);
    }
}

/// Guarantee: partitions may move between servers whose clocks are 30 s apart.
#[tokio::test(start_paused = true)]
async fn servers_that_differ_and_take_turns_lose_no_call() {
    let sim = Sim::new();
    let mut servers = vec![sim.serve(&sim.node("right", 0)).await];
    let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
    let mut calls = Calls::of(&sim, &deadlines, 5).await;
    for turn in 0..6_i64 {
        let ahead_ms = [30_000, -30_000, 0][usize::try_from(turn % 3).unwrap()];
        let node = sim.node("next", ahead_ms);
        servers.push(sim.serve(&node).await);
        calls.add(&sim, &deadlines, 10).await;
        servers.remove(0).shutdown().await.unwrap();
        calls.add(&sim, &deadlines, 10).await;
    }
    calls.all_answered().await;
    sim.check();
    assert!(client.stats().resent > 0);
}

/// Guarantee: after a stall of 45 s nothing of the backlog runs too late, what has time left runs, and
/// nobody's clock is thought to be off.
#[tokio::test(start_paused = true)]
async fn a_stall_makes_no_command_younger() {
    for off_ms in [0, 30_000, -50 * 60_000] {
        let sim = Sim::new();
        let server = sim.serve(&sim.node("server", 0)).await;
        let (client, deadlines) = sim.client(&sim.node("client", off_ms)).await;
        Calls::of(&sim, &deadlines, 5).await.all_answered().await;
        let resent = client.stats().resent;
        sim.broker.faults().hold("Deadlines.commands").unwrap();
        let began = sim.watch.began();
        let calls = Calls::of(&sim, &deadlines, 450).await;
        assert_eq!(sim.watch.began(), began);
        sim.broker.faults().release("Deadlines.commands").unwrap();
        calls.all_answered_but(Duration::from_secs(45)).await;
        sim.check();
        // 20 with 60 s for each second, and those that were just sent.
        let ran = sim.watch.began() - began;
        assert!((900..1_300).contains(&ran), "{ran}");
        Calls::of(&sim, &deadlines, 5).await.all_answered().await;
        assert_eq!(client.stats().resent, resent);
        assert!(server.stats().clock_answers <= resent + 500);
    }
}

/// Guarantee: a client that is first heard of in a stall is treated like others; and its clock may be
/// wrong, if it has time left.
#[tokio::test(start_paused = true)]
async fn first_contact_in_a_stall_is_first_contact() {
    let sim = Sim::new();
    let _server = sim.serve(&sim.node("server", 0)).await;
    let (_, known) = sim.client(&sim.node("known", 0)).await;
    Calls::of(&sim, &known, 5).await.all_answered().await;
    sim.broker.faults().hold("Deadlines.commands").unwrap();
    let mut all = vec![Calls::of(&sim, &known, 20).await];
    for off_ms in [0, 900, -900] {
        let (_, deadlines) = sim.client(&sim.node("new", off_ms)).await;
        all.push(Calls::of(&sim, &deadlines, 2).await);
    }
    let (_, late) = sim.client(&sim.node("off", -50 * 60_000)).await;
    let mut patient = JoinSet::new();
    for _ in 0..50 {
        let call = late.begin(sim.watch.deadline(MINUTE)).timeout(MINUTE);
        patient.spawn(call);
    }
    sleep(Duration::from_secs(20)).await;
    sim.broker.faults().release("Deadlines.commands").unwrap();
    for calls in all {
        calls.all_answered_but(Duration::from_secs(23)).await;
    }
    for answered in patient.join_all().await {
        answered.unwrap();
    }
    sim.check();
}

/// Guarantee: the type of the records' timestamps doesn't matter once a server has answered.
#[tokio::test(start_paused = true)]
async fn with_log_append_time_deadlines_hold() {
    let sim = Sim::new();
    sim.broker
        .set_log_append_time("Deadlines.commands")
        .unwrap();
    let server = sim.serve(&sim.node("server", HOUR_MS)).await;
    let (client, deadlines) = sim.client(&sim.node("client", -HOUR_MS)).await;
    let mut calls = Calls::of(&sim, &deadlines, 10).await;
    sim.broker.faults().hold("Deadlines.commands").unwrap();
    calls.add(&sim, &deadlines, 50).await;
    sim.broker.faults().release("Deadlines.commands").unwrap();
    calls.all_answered_but(Duration::from_secs(5)).await;
    sim.check();
    assert!(client.stats().resent > 0);
    assert!(server.stats().expired > 100);
}
