use crate::TopicSettings;
use crate::server::tests::*;

#[tokio::test(start_paused = true)]
async fn a_missing_topic_fails_the_start_and_the_error_says_how_to_create_it() {
    let broker = MemoryBroker::new();
    let rig = Rig::new();
    let error = Server::builder(&broker)
        .service(rig.desk())
        .start()
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::Unavailable, Outcome::NotRun)
    );
    let message = error.message();
    for part in [
        COMMANDS,
        "create_topics",
        "kafka-topics.sh",
        "--partitions 6",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let server = Server::builder(&broker)
        .service(rig.desk())
        .create_topics(TopicSettings::default().commands_partitions(3))
        .start()
        .await
        .unwrap();
    assert!(broker.watermarks(COMMANDS, 2).is_ok() && broker.watermarks(COMMANDS, 3).is_err());
    assert!(broker.watermarks(RESULTS, 1).is_ok() && broker.watermarks(RESULTS, 2).is_err());
    server.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn settings_without_sense_are_refused() {
    let rig = Rig::new();
    let none = Server::builder(&rig.broker).start().await.unwrap_err();
    let twice = rig.builder().service(rig.desk()).start().await.unwrap_err();
    let idle = rig.builder().concurrency(0).start().await.unwrap_err();
    let full = rig.builder().queue_limit(0).start().await.unwrap_err();
    let forever = Duration::MAX;
    let grace = rig.builder().grace(forever).start().await.unwrap_err();
    let late = rig.builder().expiry_allowance(forever).start().await;
    for error in [none, twice, idle, full, grace, late.unwrap_err()] {
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_drains_what_runs_and_leaves_the_rest_to_the_next_server() {
    let rig = Rig::new();
    let server = rig.start_with(|builder| builder.concurrency(1)).await;
    let running = rig.command("hold", b"\x01");
    let offset = rig.send(&running);
    let waiting = rig.command("echo", b"\x02");
    rig.send(&waiting);
    until(|| server.stats().queued == 1).await;

    let shutdown = tokio::spawn(server.shutdown());
    let late = rig.command("echo", b"\x03");
    tokio::task::yield_now().await;
    rig.send(&late);
    rig.gate.add_permits(1);
    shutdown.await.unwrap().unwrap();
    assert_eq!(
        rig.replies(),
        [(running.call_id, Body::Value(b"\x01".into()))]
    );
    // It was running when its partition was given up.
    assert_eq!(rig.committed(0), Some(offset));
    assert_eq!(rig.diary.started(), [b"\x01"]);

    let _next = rig.start().await;
    assert_eq!(
        rig.reply(waiting.call_id).await,
        Body::Value(b"\x02".into())
    );
    assert_eq!(rig.reply(late.call_id).await, Body::Value(b"\x03".into()));
    rig.all_committed().await;
    assert_eq!(rig.diary.started().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn shutdown_stops_handlers_at_the_end_of_the_grace_period_and_says_so() {
    let rig = Rig::new();
    let server = rig
        .start_with(|builder| builder.grace(Duration::from_secs(2)))
        .await;
    let mut command = rig.command("hold", b"\x01");
    command.budget_ms = 60_000;
    let offset = rig.send(&command);
    until(|| server.stats().running == 1).await;
    let began = rig.clock.now();
    let error = server.shutdown().await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    let took = rig.clock.now() - began;
    assert!(
        took >= Duration::from_secs(2) && took < Duration::from_secs(3),
        "{took:?}"
    );
    until(|| rig.diary.dropped.load(SeqCst) == 1).await;
    assert_eq!(
        rig.committed(0).unwrap_or(0),
        offset,
        "it runs again elsewhere"
    );
    assert!(rig.replies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_server_stops_it_in_the_background() {
    let rig = Rig::new();
    let server = rig.start().await;
    let command = rig.command("hold", b"\x01");
    rig.send(&command);
    until(|| server.stats().running == 1).await;
    drop(server);
    tokio::time::sleep(Duration::from_secs(1)).await;
    rig.gate.add_permits(1);
    rig.reply(command.call_id).await;

    let after = rig.command("echo", b"\x02");
    rig.send(&after);
    let _next = rig.start().await;
    assert_eq!(rig.reply(after.call_id).await, Body::Value(b"\x02".into()));
    rig.all_committed().await;
    assert_eq!(rig.diary.started().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_server_takes_a_partition_over_and_no_call_is_lost_or_run_twice() {
    let rig = Rig::new();
    let first = rig.start().await;
    let held: Vec<CallId> = (0..2)
        .map(|partition| {
            let command = rig.command("hold", b"\x01");
            rig.send_at(&command, partition, rig.clock.wall_ms());
            command.call_id
        })
        .collect();
    until(|| first.stats().running == 2).await;

    // One partition is taken away. Its handler goes on, and what follows doesn't wait for it.
    let second = Server::builder(&rig.broker.node("second"))
        .service(rig.desk())
        .server_id("s1")
        .start()
        .await
        .unwrap();
    for number in 0..10_u8 {
        let arguments = [100 + number];
        let command = rig.command("echo", &arguments);
        rig.send_at(&command, u32::from(number % 2), rig.clock.wall_ms());
    }
    rig.gate.add_permits(2);
    for call_id in held {
        rig.reply(call_id).await;
    }
    until(|| rig.replies().len() == 12).await;
    rig.all_committed().await;
    assert_eq!(rig.diary.started().len(), 12, "nothing runs twice");
    assert!(
        second.stats().answered > 0,
        "the second server does its part"
    );
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lost_partitions_stop_their_handlers_and_the_next_owner_runs_them_again() {
    let rig = Rig::new();
    let first = rig.start().await;
    let mut command = rig.command("hold", b"\x01");
    command.budget_ms = 60_000;
    rig.send(&command);
    until(|| first.stats().running == 1).await;
    rig.node.cut_off(None);
    let _second = Server::builder(&rig.broker.node("second"))
        .service(rig.desk())
        .server_id("s1")
        .start()
        .await
        .unwrap();
    until(|| rig.diary.started().len() == 2).await;
    rig.gate.add_permits(1);
    assert_eq!(
        rig.reply(command.call_id).await,
        Body::Value(b"\x01".into())
    );
    rig.node.heal();
    until(|| rig.diary.dropped.load(SeqCst) == 1).await;
    assert_eq!(rig.replies().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn services_that_share_their_topics_answer_their_own_calls_only() {
    for group in [None, Some("together")] {
        let rig = Rig::new();
        let mut builder = rig.builder().service(Bank);
        if let Some(group) = group {
            builder = builder.group(group);
        }
        let server = builder.start().await.unwrap();
        let desk = rig.command("echo", b"\x01");
        let mut bank = rig.command("name", b"\x80");
        (bank.service, bank.service_version) = ("Bank", 0);
        for command in [&desk, &bank] {
            rig.send(command);
        }
        assert_eq!(rig.reply(desk.call_id).await, Body::Value(b"\x01".into()));
        assert_eq!(
            rig.reply(bank.call_id).await,
            Body::Value(b"\xa4Bank".into())
        );
        server.shutdown().await.unwrap();
        assert_eq!(rig.replies().len(), 2, "{group:?}");
    }
}

#[test]
fn runs_on_a_plain_thread_with_a_runtime_of_its_own() {
    let rig = Rig::new();
    let server = rig.builder().start().wait().unwrap();
    let command = rig.command("echo", b"\x01");
    rig.send(&command);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while rig.committed(0) != Some(1) {
        assert!(std::time::Instant::now() < deadline, "no reply came");
        std::thread::yield_now();
    }
    assert_eq!(
        rig.replies(),
        [(command.call_id, Body::Value(b"\x01".into()))]
    );
    server.shutdown().wait().unwrap();
}

/// Records that the log shows to nobody, as it does while too few replicas are in sync, wait where the
/// member doesn't see them.
#[tokio::test(start_paused = true)]
async fn nothing_begins_long_after_its_deadline_however_long_the_log_showed_nothing() {
    let rig = Rig::new();
    let server = rig.start().await;
    let young = rig.command("echo", b"young");
    rig.send(&young);
    rig.reply(young.call_id).await;

    rig.broker.faults().hold(COMMANDS).unwrap();
    let stalled = rig.clock.now();
    let mut unexpired = Vec::new();
    for call in 0..450_u64 {
        let budget_ms = [200, 2_000, 10_000][usize::try_from(call % 3).unwrap()];
        let arguments = call.to_be_bytes();
        let mut command = rig.command("echo", &arguments);
        command.budget_ms = budget_ms;
        rig.send(&command);
        let deadline = rig.clock.now() + Duration::from_millis(budget_ms.into());
        // The server's allowance.
        if deadline + Duration::from_secs(1) > stalled + Duration::from_secs(45) {
            unexpired.push(arguments.to_vec());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    rig.broker.faults().release(COMMANDS).unwrap();
    let last = rig.command("echo", b"last");
    rig.send(&last);
    assert_eq!(rig.reply(last.call_id).await, Body::Value(b"last".into()));
    let started = rig.diary.started();
    let late: Vec<_> = started
        .iter()
        .filter(|run| run.len() == 8 && !unexpired.contains(run))
        .collect();
    assert!(late.is_empty(), "{} began too late", late.len());
    // Whoever still waits is served.
    assert_eq!(started.len(), unexpired.len() + 2);
    server.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drains_gets_nothing_new() {
    let rig = Rig::new();
    let first = rig.start().await;
    let held = rig.command("hold", b"\x01");
    rig.send(&held);
    until(|| first.stats().running == 1).await;
    let second = Server::builder(&rig.broker.node("second"))
        .service(rig.desk())
        .server_id("s1")
        .start()
        .await
        .unwrap();
    // Until the second has one.
    let moved = rig.command("echo", b"\x02");
    rig.send_at(&moved, 1, rig.clock.wall_ms());
    rig.reply(moved.call_id).await;

    let shutdown = tokio::spawn(first.shutdown());
    let before = second.stats().received;
    for (partition, arguments) in [(0, b"\x03"), (1, b"\x04")] {
        let late = rig.command("echo", arguments);
        rig.send_at(&late, partition, rig.clock.wall_ms());
        assert_eq!(rig.reply(late.call_id).await, Body::Value(arguments.into()));
    }
    assert!(second.stats().received >= before + 2 && !shutdown.is_finished());
    rig.gate.add_permits(1);
    shutdown.await.unwrap().unwrap();
    assert_eq!(rig.diary.started().len(), 4);
    second.shutdown().await.unwrap();
}
