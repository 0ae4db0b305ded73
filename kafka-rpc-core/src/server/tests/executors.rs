//! Servers that no longer run what was handed over, and records that only look like theirs.

use crate::server::tests::hand_over::{Peer, handed_over, hold, seconds, send};
use crate::server::tests::*;
use crate::transport::memory::Access;
use crate::wire::HandOver;

#[tokio::test(start_paused = true)]
async fn a_call_runs_once_more_when_nothing_is_heard_of_its_executor() {
    for is_one_way in [false, true] {
        let rig = Rig::new();
        let mut held = hold(&rig, b"\x01");
        if is_one_way {
            held.reply_to = None;
        }
        let (a, b) = handed_over(&rig, &held).await;
        tokio::time::sleep(seconds(20)).await;
        let crashed = rig.clock.now();
        a.node.crash();
        until(|| !b.started().is_empty()).await;
        let silence = rig.clock.now() - crashed;
        assert!(silence > seconds(4) && silence < seconds(7), "{silence:?}");
        tokio::time::sleep(seconds(20)).await;
        b.gate.add_permits(1);
        // Its session has ended, and with it all that its owner knew.
        b.reads(&rig, 0).await;
        rig.all_committed().await;
        assert_eq!(b.started(), [b"\x01"]);
        let answers = usize::from(!is_one_way);
        assert_eq!(
            rig.replies()
                .iter()
                .filter(|(id, _)| *id == held.call_id)
                .count(),
            answers
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_cancelled_does_not_run_once_more() {
    let rig = Rig::new();
    let held = hold(&rig, b"\x01");
    let (a, b) = handed_over(&rig, &held).await;
    let mut value = Vec::new();
    Cancel {
        call_id: held.call_id,
        service: "Desk",
    }
    .encode(&mut value);
    rig.append(1, value, Vec::new(), rig.clock.wall_ms());
    b.reads(&rig, 1).await;
    assert_eq!(a.diary.dropped.load(SeqCst), 0, "it isn't heard of there");
    a.node.crash();
    tokio::time::sleep(seconds(10)).await;
    b.reads(&rig, 0).await;
    rig.all_committed().await;
    assert!(b.started().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlasts_the_grace_period_is_stopped_and_runs_with_the_new_owner() {
    let rig = Rig::new();
    let a = Peer::start_with(&rig, "a", |builder| builder.grace(seconds(2))).await;
    a.reads(&rig, 1).await;
    let held = hold(&rig, b"\x01");
    send(&rig, &held);
    until(|| a.server.stats().running == 1).await;
    let b = Peer::start(&rig, "b").await;
    let began = rig.clock.now();
    b.reads(&rig, 1).await;
    until(|| a.diary.dropped.load(SeqCst) == 1).await;
    let grace = rig.clock.now() - began;
    assert!(grace >= seconds(2) && grace < seconds(3), "{grace:?}");
    until(|| !b.started().is_empty()).await;
    assert!(rig.clock.now() - began < seconds(10));
    b.gate.add_permits(1);
    assert_eq!(rig.reply(held.call_id).await, Body::Value(b"\x01".into()));
    rig.all_committed().await;
    assert_eq!((a.started(), b.started()), (vec![vec![1]], vec![vec![1]]));
}

/// A, B, A and then C own the partition. The end of the first grace period is none of the call that A began
/// after it.
#[tokio::test(start_paused = true)]
async fn each_assignment_has_a_grace_period_of_its_own() {
    let rig = Rig::new();
    let a = Peer::start_with(&rig, "a", |builder| builder.grace(seconds(4))).await;
    a.reads(&rig, 1).await;
    send(&rig, &hold(&rig, b"\x01"));
    until(|| a.server.stats().running == 1).await;
    let b = Peer::start(&rig, "b").await;
    b.reads(&rig, 1).await;
    tokio::time::sleep(seconds(1)).await;
    b.server.shutdown().await.unwrap();
    a.reads(&rig, 1).await;
    let later = hold(&rig, b"\x02");
    send(&rig, &later);
    until(|| a.server.stats().running == 2).await;
    tokio::time::sleep(seconds(1)).await;
    let c = Peer::start(&rig, "c").await;
    c.reads(&rig, 1).await;
    until(|| a.diary.dropped.load(SeqCst) == 1).await;
    a.gate.add_permits(1);
    assert_eq!(rig.reply(later.call_id).await, Body::Value(b"\x02".into()));
    tokio::time::sleep(seconds(20)).await;
    assert_eq!(a.started(), [vec![1], vec![2]]);
    assert_eq!(c.started(), [vec![1]], "only what A had to stop");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_may_not_report_stops_what_it_runs_before_the_new_owner_runs_it() {
    let rig = Rig::new();
    rig.broker.faults().deny(COMMANDS, Access::Write);
    let a = Peer::start_with(&rig, "a", |builder| builder.grace(seconds(60))).await;
    a.reads(&rig, 1).await;
    let held = hold(&rig, b"\x01");
    send(&rig, &held);
    until(|| a.server.stats().running == 1).await;
    let b = Peer::start(&rig, "b").await;
    let began = rig.clock.now();
    b.reads(&rig, 1).await;
    until(|| a.diary.dropped.load(SeqCst) == 1).await;
    assert!(b.started().is_empty());
    until(|| !b.started().is_empty()).await;
    assert!(rig.clock.now() - began < seconds(10));
    b.gate.add_permits(1);
    assert_eq!(rig.reply(held.call_id).await, Body::Value(b"\x01".into()));
    assert_eq!((a.started(), b.started()), (vec![vec![1]], vec![vec![1]]));
}

#[tokio::test(start_paused = true)]
async fn a_crash_repeats_what_was_not_settled_and_nothing_else() {
    let rig = Rig::new();
    let a = Peer::start(&rig, "a").await;
    a.reads(&rig, 1).await;
    let held = hold(&rig, b"\x01");
    let offset = send(&rig, &held);
    let quick: Vec<Vec<u8>> = (100..150).map(|number| vec![number]).collect();
    for arguments in &quick {
        let command = rig.command("echo", arguments);
        send(&rig, &command);
        rig.reply(command.call_id).await;
    }
    // Until they are noted.
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(rig.committed(1), Some(offset));
    a.node.crash();
    let b = Peer::start(&rig, "b").await;
    until(|| !b.started().is_empty()).await;
    b.gate.add_permits(1);
    assert_eq!(rig.reply(held.call_id).await, Body::Value(b"\x01".into()));
    b.reads(&rig, 0).await;
    rig.all_committed().await;
    assert_eq!(b.started(), [b"\x01"]);
}

#[tokio::test(start_paused = true)]
async fn reports_that_are_forged_or_make_no_sense_change_nothing() {
    let rig = Rig::new();
    let held = Command {
        key: Some(b"key"),
        ..hold(&rig, b"\x01")
    };
    let (a, b) = handed_over(&rig, &held).await;
    let next = Command {
        key: Some(b"key"),
        budget_ms: 60_000,
        ..rig.command("echo", b"\x02")
    };
    let last = send(&rig, &next);
    let offset = rig.committed(1).unwrap();
    let executor = |peer: &Peer| peer.server.0.members()[0].env.shared.executor;
    let all: Vec<i64> = (-1..last + 9).collect();
    let but_it: Vec<i64> = all.iter().copied().filter(|at| *at != offset).collect();
    let report = |executor, settled: &[i64]| {
        let mut value = Vec::new();
        HandOver::encode(CallId::new(executor, 1), settled, &[], &mut value);
        value
    };
    for (partition, value) in [
        (1, report(*b"somebody", &all)),
        (1, report(executor(&b), &all)),
        (1, report(executor(&a), &but_it)),
        (1, report(executor(&a), &[])),
        (0, report(executor(&a), &all)),
        (0, report(executor(&b), &all)),
    ] {
        rig.append(partition, value.clone(), Vec::new(), rig.clock.wall_ms());
        // Nor does one that is cut.
        rig.append(partition, value[..value.len() - 1].to_vec(), Vec::new(), 0);
    }
    b.reads(&rig, 1).await;
    tokio::time::sleep(seconds(10)).await;
    assert!(b.started().is_empty());
    assert_eq!(b.server.stats().queued, 1);
    assert_eq!(
        (a.server.stats().malformed, b.server.stats().malformed),
        (2, 4)
    );
    assert_eq!(rig.committed(1), Some(offset));

    // Nobody else keeps it alive.
    a.node.crash();
    let crashed = rig.clock.now();
    while b.started().is_empty() {
        let mut value = Vec::new();
        HandOver::encode(CallId::new(executor(&b), 2), &[], &all, &mut value);
        rig.append(1, value, Vec::new(), rig.clock.wall_ms());
        tokio::time::sleep(seconds(1)).await;
        assert!(rig.clock.now() - crashed < seconds(9));
    }
    b.gate.add_permits(1);
    assert_eq!(rig.reply(next.call_id).await, Body::Value(b"\x02".into()));
    assert_eq!(b.started(), [b"\x01", b"\x02"]);
}
