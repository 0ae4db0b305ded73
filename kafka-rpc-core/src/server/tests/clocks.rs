use crate::server::tests::*;
use crate::wire::limits::CLOCK_METHOD;

const HOUR_MS: i64 = 3_600_000;

impl Rig {
    /// The times in the reply to this call, once it is there.
    async fn times(&self, call_id: CallId) -> StageTimes {
        self.reply(call_id).await;
        let records = self.broker.records(RESULTS, 1).unwrap();
        let times = records.iter().rev().find_map(|record| {
            match wire::decode(record.value.as_deref().unwrap()) {
                Ok(Envelope::Reply(reply)) if reply.call_id == call_id => Some(reply.times),
                _ => None,
            }
        });
        times.unwrap()
    }

    /// How a command says that it was sent now, by the clock that was told in this reply; or `ms`
    /// earlier.
    async fn sent(&self, call_id: CallId, ms: u64) -> Sent {
        let told = self.times(call_id).await;
        let probe = self.command(CLOCK_METHOD, b"\x80");
        self.send(&probe);
        let now = self.times(probe.call_id).await;
        assert_eq!(now.clock, told.clock);
        Sent {
            at_ms: now.read_at_us.unwrap() / 1_000 - ms,
            error_ms: 0,
            clock: told.clock.unwrap(),
        }
    }

    /// A call that tells the clock, and says so.
    async fn learn(&self) -> CallId {
        let probe = self.command(CLOCK_METHOD, b"\x80");
        self.send(&probe);
        // Whatever time it seems to be of.
        let reply = self.reply(probe.call_id).await;
        assert_eq!(reply.error().0, Code::Unimplemented);
        probe.call_id
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_knows_no_clock_is_taken_to_agree() {
    let rig = Rig::new();
    let server = rig.start().await;
    let late = rig.command("echo", b"\x01");
    rig.send_at(&late, 0, rig.clock.wall_ms() - 5_700);
    assert_eq!(rig.reply(late.call_id).await, Body::Value(b"\x01".into()));
    let early = rig.command("echo", b"\x02");
    rig.send_at(&early, 0, rig.clock.wall_ms() + 900);
    assert_eq!(rig.reply(early.call_id).await, Body::Value(b"\x02".into()));
    // Beyond the allowance it is answered with the clock and nothing else.
    for (number, off) in [(3, -6_200), (4, 1_200), (5, -HOUR_MS), (6, HOUR_MS)] {
        let arguments = [number];
        let command = rig.command("echo", &arguments);
        rig.send_at(&command, 0, rig.clock.wall_ms() + off);
        let reply = rig.reply(command.call_id).await;
        let (code, outcome, message) = reply.error();
        let answer = (code, outcome);
        assert_eq!(answer, (Code::DeadlineExceeded, Outcome::NotRun), "{off}");
        assert!(message.contains("the server's clock"), "{message}");
        let times = rig.times(command.call_id).await;
        assert!(times.clock.is_some() && times.read_at_us.is_some());
    }
    rig.all_committed().await;
    let stats = server.stats();
    assert_eq!(
        (stats.answered, stats.expired, stats.clock_answers),
        (2, 2, 4)
    );
    assert_eq!(stats.refused(Code::DeadlineExceeded), 0);
    assert_eq!(rig.diary.started(), [[1], [2]]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_knows_the_clock_is_judged_by_it_alone() {
    for server_off in [0, HOUR_MS, -HOUR_MS] {
        let rig = Rig::new();
        rig.node.set_wall_offset_ms(server_off);
        let server = rig.start().await;
        let known = rig.learn().await;
        // The machine's clock is set; that of the server goes on.
        rig.node.set_wall_offset_ms(-server_off / 3 + 30_000);
        // Whatever the record's timestamp says, such as with a broker that sets it.
        for timestamp_ms in [0, 1, rig.clock.wall_ms(), rig.clock.wall_ms() + HOUR_MS] {
            let mut fresh = rig.command("echo", b"\x01");
            fresh.sent = Some(rig.sent(known, 4_900).await);
            rig.send_at(&fresh, 0, timestamp_ms);
            assert_eq!(rig.reply(fresh.call_id).await, Body::Value(b"\x01".into()));
            let mut stale = rig.command("echo", b"\x02");
            stale.sent = Some(rig.sent(known, 5_010).await);
            rig.send_at(&stale, 0, timestamp_ms);
            let reply = rig.reply(stale.call_id).await;
            assert_eq!(reply.error().0, Code::DeadlineExceeded);
        }
        // What the error leaves open counts for the call.
        let mut open = rig.command("echo", b"\x03");
        open.sent = Some(rig.sent(known, 5_400).await);
        open.sent.as_mut().unwrap().error_ms = 500;
        rig.send_at(&open, 0, 1);
        assert_eq!(rig.reply(open.call_id).await, Body::Value(b"\x03".into()));
        assert_eq!(server.stats().answered, 5);
        assert!(!rig.diary.started().contains(&vec![2]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_has_what_is_left_by_the_clock_that_the_caller_knows() {
    let rig = Rig::new();
    let server = rig.start().await;
    let known = rig.learn().await;
    let mut command = rig.command("hold", b"\x01");
    command.sent = Some(rig.sent(known, 3_000).await);
    let began = rig.clock.now();
    rig.send_at(&command, 0, rig.clock.wall_ms() - HOUR_MS);
    until(|| server.stats().overdue == 1).await;
    let ran = rig.clock.now() - began;
    let budget_left = Duration::from_millis(2_000);
    assert!(
        ran.abs_diff(budget_left) < Duration::from_millis(20),
        "{ran:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn another_servers_clock_is_taken_to_agree() {
    let rig = Rig::new();
    let _server = rig.start().await;
    let known = rig.learn().await;
    let other = rig.sent(known, 0).await.clock + 1;
    for (age_ms, runs) in [(0, true), (5_900, true), (6_100, false)] {
        let mut command = rig.command("echo", b"\x01");
        command.sent = Some(rig.sent(known, age_ms).await);
        command.sent.as_mut().unwrap().clock = other;
        // The caller's own clock says nothing then.
        rig.send_at(&command, 0, rig.clock.wall_ms() + HOUR_MS);
        let reply = rig.reply(command.call_id).await;
        assert_eq!(matches!(reply, Body::Value(_)), runs, "{age_ms} ms");
    }
    // From the future, by either's clock: the sender is wrong about it.
    for clock in [other, other - 1] {
        let mut command = rig.command("echo", b"\x01");
        command.sent = Some(rig.sent(known, 0).await);
        let sent = command.sent.as_mut().unwrap();
        (sent.at_ms, sent.clock) = (sent.at_ms + 1_200, clock);
        rig.send(&command);
        let reply = rig.reply(command.call_id).await;
        assert_eq!(reply.error().0, Code::DeadlineExceeded);
    }
    // An error that is too large, and a clock without a number, say nothing.
    for (error_ms, clock) in [(501, other - 1), (0, 0)] {
        let mut command = rig.command("echo", b"\x01");
        command.sent = Some(rig.sent(known, 60_000).await);
        let sent = command.sent.as_mut().unwrap();
        (sent.error_ms, sent.clock) = (error_ms, clock);
        rig.send(&command);
        assert_eq!(
            rig.reply(command.call_id).await,
            Body::Value(b"\x01".into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_way_calls_and_most_of_a_stale_backlog_are_dropped_in_silence() {
    let rig = Rig::new();
    let server = rig.start().await;
    for off in [-60_000, 60_000] {
        let mut note = rig.command("note", b"\x01");
        note.reply_to = None;
        rig.send_at(&note, 0, rig.clock.wall_ms() + off);
    }
    rig.all_committed().await;
    let stats = server.stats();
    assert_eq!((stats.expired, stats.clock_answers), (2, 0));
    for _ in 0..700 {
        let command = rig.command("echo", b"\x02");
        rig.send_at(&command, 0, rig.clock.wall_ms() - 60_000);
    }
    rig.all_committed().await;
    let stats = server.stats();
    assert_eq!((stats.expired, stats.clock_answers), (702, 500));
    assert_eq!(rig.replies().len(), 500);
    assert!(rig.diary.started().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_record_changes_how_another_is_judged() {
    let rig = Rig::new();
    let server = rig.start().await;
    for off in [HOUR_MS, -HOUR_MS, 30_000, -30_000] {
        let forged = rig.command("echo", b"\x02");
        rig.send_at(&forged, 0, rig.clock.wall_ms() + off);
        rig.reply(forged.call_id).await;
        assert_eq!(rig.call("echo", b"\x03").await, Body::Value(b"\x03".into()));
    }
    assert_eq!(server.stats().answered, 4);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_command_that_seems_stale_is_left_to_the_first_one() {
    let rig = Rig::new();
    let server = rig.start().await;
    let command = rig.command("hold", b"\x01");
    rig.send(&command);
    until(|| server.stats().running == 1).await;
    rig.send_at(&command, 0, rig.clock.wall_ms() - 60_000);
    until(|| server.stats().expired == 1).await;
    rig.gate.add_permits(1);
    assert_eq!(
        rig.reply(command.call_id).await,
        Body::Value(b"\x01".into())
    );
    rig.send_at(&command, 0, rig.clock.wall_ms() - 60_000);
    rig.all_committed().await;
    assert_eq!(rig.replies().len(), 1);
    assert_eq!(server.stats().clock_answers, 0);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_owner_may_have_run_is_not_said_to_be_not_run() {
    let rig = Rig::new();
    let stale = rig.command("echo", b"\x01");
    rig.send_at(&stale, 0, rig.clock.wall_ms() - 60_000);
    let _server = rig.start().await;
    let reply = rig.reply(stale.call_id).await;
    let (code, outcome, _) = reply.error();
    assert_eq!((code, outcome), (Code::DeadlineExceeded, Outcome::Unknown));
}

#[tokio::test(start_paused = true)]
async fn every_reply_bears_the_clock() {
    let rig = Rig::new();
    let _server = rig.start().await;
    let mut calls = Vec::new();
    for method in ["echo", "fail", "panic", "misread", "big", "nothing"] {
        let command = rig.command(method, b"\x01");
        rig.send(&command);
        calls.push(command.call_id);
    }
    let mut malformed = Vec::new();
    let command = rig.command("echo", b"\x01");
    command.encode(&mut malformed);
    malformed.push(0xc0);
    rig.append(0, malformed, Vec::new(), rig.clock.wall_ms());
    calls.push(command.call_id);
    for call_id in calls {
        let times = rig.times(call_id).await;
        let now_us = u64::try_from(rig.clock.wall_us()).unwrap();
        assert!(times.clock.is_some());
        assert!(now_us.abs_diff(times.read_at_us.unwrap()) < 5_000_000);
    }
}
