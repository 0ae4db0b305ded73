use crate::server::tests::*;

#[tokio::test(start_paused = true)]
async fn answers_exactly_where_it_is_asked_to_and_commits() {
    let rig = Rig::new();
    let server = rig.start().await;
    assert_eq!(rig.call("echo", b"\x01").await, Body::Value(b"\x01".into()));
    assert_eq!(rig.call("fail", b"\x02").await, Body::App(b"\x02".into()));
    assert!(rig.broker.records(RESULTS, 0).unwrap().is_empty());
    rig.all_committed().await;
    let stats = server.stats();
    assert_eq!((stats.started, stats.answered, stats.app_errors), (2, 1, 1));
    assert_eq!((stats.queued, stats.running), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call_runs_and_is_committed_without_a_reply() {
    let rig = Rig::new();
    let server = rig.start().await;
    let mut command = rig.command("note", b"\x03");
    command.reply_to = None;
    rig.send(&command);
    rig.all_committed().await;
    assert_eq!(rig.diary.started(), [b"\x03"]);
    assert_eq!(server.stats().answered, 1);
    assert!(rig.replies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_answered_without_its_text_and_stops_nothing() {
    let rig = Rig::new();
    let server = rig.start().await;
    let reply = rig.call("panic", b"\x01").await;
    let (code, outcome, message) = reply.error();
    assert_eq!((code, outcome), (Code::Internal, Outcome::Ran));
    assert!(
        message.contains("Desk.panic") && !message.contains("secret"),
        "{message}"
    );
    assert_eq!(rig.call("echo", b"\x01").await, Body::Value(b"\x01".into()));
    rig.all_committed().await;
    assert_eq!(server.stats().panics, 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_destructor_at_the_deadline_stops_nothing() {
    let rig = Rig::new();
    let server = rig.start().await;
    rig.send(&rig.command("panic_in_drop", b"\x01"));
    until(|| server.stats().overdue == 1).await;
    assert_eq!(server.stats().panics, 1);
    assert_eq!(rig.call("echo", b"\x01").await, Body::Value(b"\x01".into()));
    rig.all_committed().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_dropped_at_its_deadline_and_not_answered() {
    let rig = Rig::new();
    let server = rig.start().await;
    let began = rig.clock.now();
    rig.send(&rig.command("hold", b"\x01"));
    until(|| rig.diary.dropped.load(SeqCst) == 1).await;
    let took = rig.clock.now() - began;
    assert!(
        took >= Duration::from_millis(4_990) && took < Duration::from_millis(5_100),
        "{took:?}"
    );
    rig.all_committed().await;
    assert_eq!((server.stats().overdue, server.stats().running), (1, 0));
    assert!(rig.replies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cancel_drops_the_running_handler_and_tells_its_detached_work() {
    let rig = Rig::new();
    let server = rig.start().await;
    let command = rig.command("hold", b"\x01");
    rig.send(&command);
    until(|| server.stats().running == 1).await;
    let context = lock(&rig.diary.contexts)[0].clone();
    let detached = tokio::spawn({
        let context = context.clone();
        async move { context.cancelled().await }
    });
    assert!(!context.is_cancelled());
    rig.cancel(command.call_id);
    detached.await.unwrap();
    until(|| rig.diary.dropped.load(SeqCst) == 1).await;
    rig.all_committed().await;
    assert_eq!(server.stats().cancelled, 1);
    assert!(rig.replies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cancel_takes_a_waiting_command_out() {
    let rig = Rig::new();
    let server = rig.start_with(|builder| builder.concurrency(1)).await;
    rig.send(&rig.command("hold", b"\x01"));
    let waiting = rig.command("echo", b"\x02");
    rig.send(&waiting);
    until(|| server.stats().queued == 1).await;
    rig.cancel(waiting.call_id);
    until(|| server.stats().queued == 0).await;
    rig.gate.add_permits(1);
    rig.all_committed().await;
    assert_eq!(rig.diary.started(), [b"\x01"]);
    assert_eq!((server.stats().cancelled, rig.replies().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_after_its_cancel_is_not_started() {
    let rig = Rig::new();
    let server = rig.start().await;
    let command = rig.command("echo", b"\x01");
    rig.cancel(command.call_id);
    rig.send(&command);
    rig.all_committed().await;
    assert!(rig.diary.started().is_empty());
    assert_eq!(server.stats().cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_twice_runs_once_and_gets_the_same_reply_twice() {
    let rig = Rig::new();
    let server = rig.start().await;
    let command = rig.command("hold", b"\x01");
    rig.send(&command);
    rig.send(&command);
    until(|| server.stats().duplicates == 1).await;
    rig.gate.add_permits(1);
    rig.reply(command.call_id).await;
    assert_eq!(rig.replies().len(), 1, "the running one answers");
    rig.send(&command);
    until(|| rig.replies().len() == 2).await;
    let records = rig.broker.records(RESULTS, 1).unwrap();
    assert_eq!(records[0].value, records[1].value);
    assert_eq!(rig.diary.started().len(), 1);
    rig.all_committed().await;
}

#[tokio::test(start_paused = true)]
async fn commands_of_a_key_run_in_order_and_others_beside_them() {
    let rig = Rig::new();
    let server = rig.start().await;
    for number in 0..6_u8 {
        let mut command = rig.command("hold", &[]);
        let arguments = [number];
        let key = [number % 2];
        command.arguments = &arguments;
        command.key = Some(&key);
        rig.send(&command);
    }
    until(|| server.stats().running == 2).await;
    assert_eq!(server.stats().queued, 4);
    rig.gate.add_permits(6);
    rig.all_committed().await;
    for parity in 0..2 {
        let started = rig.diary.started();
        let of_key: Vec<u8> = started
            .iter()
            .map(|a| a[0])
            .filter(|n| n % 2 == parity)
            .collect();
        assert_eq!(of_key, [parity, parity + 2, parity + 4]);
    }
    assert_eq!(rig.diary.most_running.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_fails_is_sent_again_until_the_deadline() {
    use crate::transport::TransportErrorKind::{Closed, Unavailable};
    use crate::transport::memory::Fate;

    let rig = Rig::new();
    let server = rig.start().await;
    let faults = rig.broker.faults();
    faults
        .next_produced(RESULTS, Fate::NotPersisted(Unavailable), 2)
        .unwrap();
    faults.next_produced(RESULTS, Fate::Lost, 1).unwrap();
    // As when the producer is replaced.
    faults
        .next_produced(RESULTS, Fate::NotPersisted(Closed), 1)
        .unwrap();
    assert_eq!(rig.call("echo", b"\x01").await, Body::Value(b"\x01".into()));
    rig.all_committed().await;
    assert_eq!(server.stats().lost_replies, 0);

    faults
        .next_produced(RESULTS, Fate::NotPersisted(Unavailable), 1_000)
        .unwrap();
    let offset = rig.send(&rig.command("echo", b"\x02"));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(server.stats().answered, 2);
    assert_eq!(rig.committed(0), Some(offset), "its reply isn't in the log");
    until(|| server.stats().lost_replies == 1).await;
    rig.all_committed().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_its_call() {
    let rig = Rig::new();
    let _server = rig.start().await;
    let mut command = rig.command("echo", b"\x01");
    command.key = Some(b"k");
    command.attempt = 3;
    let mut value = Vec::new();
    command.encode(&mut value);
    let headers = vec![
        ("traceparent".to_owned(), b"00-1".to_vec()),
        ("tenant".to_owned(), b"t".to_vec()),
    ];
    rig.append(0, value, headers, rig.clock.wall_ms());
    rig.reply(command.call_id).await;
    let context = lock(&rig.diary.contexts)[0].clone();
    assert_eq!(context.call_id(), command.call_id);
    assert_eq!((context.service(), context.method()), ("Desk", "echo"));
    assert_eq!((context.attempt(), context.key()), (3, Some(&b"k"[..])));
    assert_eq!(context.header("tenant"), Some(&b"t"[..]));
    assert!(context.time_left() > Duration::from_millis(4_900));
    assert!(!context.is_cancelled());
    let inherited = context
        .clone()
        .scope(async { crate::call::inherited().unwrap() })
        .await;
    assert_eq!(inherited.deadline, context.deadline());
    assert_eq!(
        inherited.trace,
        [("traceparent".to_owned(), b"00-1".to_vec())]
    );
    assert!(Context::current().is_none() && crate::call::inherited().is_none());
}
