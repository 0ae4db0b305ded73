//! What becomes of calls that run while their partition moves from one server to another.

use crate::server::tests::*;
use crate::transport::memory::MemoryNode;

/// One of several servers on a rig's broker, which share nothing else.
pub(super) struct Peer {
    pub(super) node: MemoryNode,
    pub(super) diary: Arc<Diary>,
    pub(super) gate: Arc<Semaphore>,
    pub(super) server: Server,
}

impl Peer {
    pub(super) async fn start(rig: &Rig, name: &str) -> Self {
        Self::start_with(rig, name, |builder| builder).await
    }

    pub(super) async fn start_with(
        rig: &Rig,
        name: &str,
        set: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Self {
        let node = rig.broker.node(name);
        let (diary, gate) = (Arc::<Diary>::default(), Arc::new(Semaphore::new(0)));
        let desk = Desk {
            diary: Arc::clone(&diary),
            gate: Arc::clone(&gate),
        };
        let builder = Server::builder(&node)
            .service(desk)
            .server_id("s1")
            .grace(seconds(60));
        let server = set(builder).start().await.unwrap();
        Self {
            node,
            diary,
            gate,
            server,
        }
    }

    /// Waits until it has read the partition to its end.
    pub(super) async fn reads(&self, rig: &Rig, partition: u32) {
        let before = self.pings();
        for _ in 0..10_000 {
            let ping = Command {
                budget_ms: 60_000,
                ..rig.command("echo", b"ping")
            };
            rig.send_at(&ping, partition, rig.clock.wall_ms());
            rig.reply(ping.call_id).await;
            if self.pings() > before {
                return;
            }
        }
        panic!("others read it");
    }

    fn pings(&self) -> usize {
        let started = self.diary.started();
        started.iter().filter(|run| **run == b"ping").count()
    }

    /// What it started, apart from pings.
    pub(super) fn started(&self) -> Vec<Vec<u8>> {
        let mut started = self.diary.started();
        started.retain(|run| run != b"ping");
        started
    }
}

/// A call of `hold` that has a minute, in partition 1: that is the one that moves.
pub(super) fn hold<'a>(rig: &Rig, arguments: &'a [u8]) -> Command<'a> {
    Command {
        budget_ms: 60_000,
        ..rig.command("hold", arguments)
    }
}

/// Sends it to partition 1.
pub(super) fn send(rig: &Rig, command: &Command<'_>) -> i64 {
    rig.send_at(command, 1, rig.clock.wall_ms())
}

/// A server that runs a call of `hold`, and another one that has taken its partition over.
pub(super) async fn handed_over(rig: &Rig, command: &Command<'_>) -> (Peer, Peer) {
    let a = Peer::start(rig, "a").await;
    a.reads(rig, 1).await;
    send(rig, command);
    until(|| a.server.stats().running == 1).await;
    let b = Peer::start(rig, "b").await;
    b.reads(rig, 1).await;
    (a, b)
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_where_it_runs_and_others_by_the_new_owner() {
    let rig = Rig::new();
    let held = hold(&rig, b"\x01");
    let (a, b) = handed_over(&rig, &held).await;
    // Longer than a server may be silent.
    tokio::time::sleep(seconds(20)).await;
    let quick = rig.command("echo", b"\x02");
    send(&rig, &quick);
    assert_eq!(rig.reply(quick.call_id).await, Body::Value(b"\x02".into()));
    assert_eq!(rig.committed(1), Some(1), "it isn't settled");
    a.gate.add_permits(1);
    assert_eq!(rig.reply(held.call_id).await, Body::Value(b"\x01".into()));
    rig.all_committed().await;
    assert_eq!((a.started(), b.started()), (vec![vec![1]], vec![vec![2]]));
    assert_eq!(a.server.stats().abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn its_key_is_occupied_until_it_is_settled() {
    let rig = Rig::new();
    let of_key = |command| Command {
        key: Some(b"key"),
        budget_ms: 60_000,
        ..command
    };
    let held = of_key(rig.command("hold", b"\x01"));
    let (a, b) = handed_over(&rig, &held).await;
    let next = of_key(rig.command("echo", b"\x02"));
    send(&rig, &next);
    tokio::time::sleep(seconds(20)).await;
    assert!(b.started().is_empty());
    assert_eq!(b.server.stats().queued, 1);
    // A duplicate waits for the end, too, and runs nowhere.
    send(&rig, &held);
    b.reads(&rig, 1).await;
    a.gate.add_permits(1);
    assert_eq!(rig.reply(next.call_id).await, Body::Value(b"\x02".into()));
    rig.all_committed().await;
    assert_eq!((a.started(), b.started()), (vec![vec![1]], vec![vec![2]]));
    assert_eq!(
        rig.replies()
            .iter()
            .filter(|(id, _)| *id == held.call_id)
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn it_may_be_handed_on() {
    let rig = Rig::new();
    let held = hold(&rig, b"\x01");
    let (a, b) = handed_over(&rig, &held).await;
    let second = hold(&rig, b"\x02");
    send(&rig, &second);
    until(|| b.server.stats().running == 1).await;
    let c = Peer::start(&rig, "c").await;
    let gone = tokio::spawn(b.server.shutdown());
    c.reads(&rig, 1).await;
    tokio::time::sleep(seconds(20)).await;
    a.gate.add_permits(1);
    assert_eq!(rig.reply(held.call_id).await, Body::Value(b"\x01".into()));
    assert!(!gone.is_finished());
    b.gate.add_permits(1);
    assert_eq!(rig.reply(second.call_id).await, Body::Value(b"\x02".into()));
    gone.await.unwrap().unwrap();
    rig.all_committed().await;
    assert_eq!(a.started(), [b"\x01"]);
    assert!(c.started().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_comes_back_finds_what_still_runs_there() {
    for ends in ["before", "after"] {
        let rig = Rig::new();
        let held = hold(&rig, b"\x01");
        let (a, b) = handed_over(&rig, &held).await;
        if ends == "before" {
            // The report of its end is among what is read anew.
            b.node.hold_commits();
            a.gate.add_permits(1);
            rig.reply(held.call_id).await;
            b.reads(&rig, 1).await;
            b.node.crash();
        } else {
            b.server.shutdown().await.unwrap();
        }
        a.reads(&rig, 1).await;
        tokio::time::sleep(seconds(20)).await;
        a.gate.add_permits(1);
        rig.reply(held.call_id).await;
        rig.all_committed().await;
        assert_eq!(a.started(), [b"\x01"]);
        assert_eq!(
            rig.replies()
                .iter()
                .filter(|(id, _)| *id == held.call_id)
                .count(),
            1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_answers_what_takes_long_and_the_next_server_repeats_none() {
    let rig = Rig::new();
    let a = Peer::start_with(&rig, "a", |builder| builder.grace(seconds(60))).await;
    a.reads(&rig, 1).await;
    let held: Vec<CallId> = (0..2)
        .map(|partition| {
            let command = hold(&rig, b"\x01");
            rig.send_at(&command, partition, rig.clock.wall_ms());
            command.call_id
        })
        .collect();
    until(|| a.server.stats().running == 2).await;
    let b = Peer::start(&rig, "b").await;
    let began = rig.clock.now();
    let shutdown = tokio::spawn(a.server.shutdown());
    for partition in 0..2 {
        b.reads(&rig, partition).await;
    }
    tokio::time::sleep(seconds(30)).await;
    a.gate.add_permits(2);
    shutdown.await.unwrap().unwrap();
    let took = rig.clock.now() - began;
    assert!(took < seconds(31), "{took:?}");
    for call_id in held {
        assert_eq!(rig.reply(call_id).await, Body::Value(b"\x01".into()));
    }
    rig.all_committed().await;
    assert!(b.started().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_server_hears_that_a_call_is_settled() {
    let rig = Rig::new();
    let a = Peer::start(&rig, "a").await;
    a.reads(&rig, 1).await;
    let held = hold(&rig, b"\x01");
    let offset = send(&rig, &held);
    until(|| a.server.stats().running == 1).await;
    let b = Peer::start_with(&rig, "b", |builder| builder.queue_limit(1)).await;
    b.reads(&rig, 1).await;
    for arguments in [b"\x02", b"\x03"] {
        // One-way calls can't be refused: a server that is full reads no more of them, unless it
        // waits for news.
        let one_way = Command {
            reply_to: None,
            ..hold(&rig, arguments)
        };
        send(&rig, &one_way);
    }
    until(|| b.server.stats().running == 2).await;
    let refused = rig.command("echo", b"\x04");
    send(&rig, &refused);
    let body = rig.reply(refused.call_id).await;
    assert_eq!(body.error().0, Code::ResourceExhausted);
    a.gate.add_permits(1);
    rig.reply(held.call_id).await;
    until(|| rig.committed(1) > Some(offset)).await;
    assert_eq!(b.started()[0], b"\x02");
    b.gate.add_permits(2);
    rig.all_committed().await;
    assert_eq!((a.started().len(), b.started().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_was_never_started_is_refused_as_not_run_after_a_hand_over_and_not_after_a_crash() {
    for crashes in [false, true] {
        let rig = Rig::new();
        let a = Peer::start_with(&rig, "a", |builder| builder.concurrency(1)).await;
        a.reads(&rig, 1).await;
        send(&rig, &hold(&rig, b"\x01"));
        let waits = Command {
            budget_ms: 60_000,
            ..rig.command("misread", b"\x02")
        };
        send(&rig, &waits);
        until(|| a.server.stats().queued == 1).await;
        if crashes {
            a.node.crash();
        }
        let b = Peer::start(&rig, "b").await;
        let body = rig.reply(waits.call_id).await;
        let (code, outcome, _) = body.error();
        let expected = if crashes {
            Outcome::Unknown
        } else {
            Outcome::NotRun
        };
        assert_eq!((code, outcome), (Code::InvalidArgument, expected));
        assert!(!a.started().contains(&vec![2]) && b.started().contains(&vec![2]));
    }
}
