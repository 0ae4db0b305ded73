use crate::server::tests::*;

#[tokio::test(start_paused = true)]
async fn every_refusal_says_what_and_whether_it_ran() {
    let rig = Rig::new();
    let server = rig.start().await;
    let cases: [(&str, Code, Outcome, &str); 5] = [
        ("nothing", Code::Unimplemented, Outcome::NotRun, "`nothing`"),
        (
            "misread",
            Code::InvalidArgument,
            Outcome::NotRun,
            "missing argument `a`",
        ),
        ("big", Code::ReplyTooLarge, Outcome::Ran, "1000000"),
        (
            "unspeakable",
            Code::Internal,
            Outcome::Ran,
            "a map key is missing",
        ),
        ("panic", Code::Internal, Outcome::Ran, "panicked"),
    ];
    for (method, code, outcome, part) in cases {
        let reply = rig.call(method, b"\x01").await;
        assert_eq!(
            (reply.error().0, reply.error().1),
            (code, outcome),
            "{method}"
        );
        assert!(
            reply.error().2.contains(part),
            "{method}: {}",
            reply.error().2
        );
    }
    assert_eq!(server.stats().refused(Code::Internal), 2);
    assert_eq!(server.stats().refused(Code::ReplyTooLarge), 1);

    let mut command = rig.command("echo", b"\x01");
    command.service = "Bank";
    rig.send(&command);
    let reply = rig.reply(command.call_id).await;
    assert_eq!(
        (reply.error().0, reply.error().1),
        (Code::Unimplemented, Outcome::NotRun)
    );

    let mut command = rig.command("echo", b"\x01");
    command.service_version = 8;
    rig.send(&command);
    let reply = rig.reply(command.call_id).await;
    assert_eq!(reply.error().0, Code::Unimplemented);
    assert!(reply.error().2.contains("version 7"), "{}", reply.error().2);

    let arguments = vec![0; 1_000_000];
    let command = rig.command("echo", &arguments);
    rig.send(&command);
    let reply = rig.reply(command.call_id).await;
    assert_eq!(
        (reply.error().0, reply.error().1),
        (Code::InvalidArgument, Outcome::NotRun)
    );
    rig.all_committed().await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_the_broker_finds_too_large_becomes_an_error() {
    let rig = Rig::new();
    rig.broker.set_max_record_bytes(2_000);
    let _server = rig.start().await;
    let reply = rig.call("echo", &[0; 3_000]).await;
    assert_eq!(
        (reply.error().0, reply.error().1),
        (Code::ReplyTooLarge, Outcome::Ran)
    );
    rig.all_committed().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_record_from_before_the_assignment_says_unknown() {
    let rig = Rig::new();
    let calls: Vec<CallId> = ["nothing", "misread"]
        .iter()
        .map(|method| {
            let command = rig.command(method, b"\x01");
            rig.send(&command);
            command.call_id
        })
        .collect();
    let _server = rig.start().await;
    for call_id in calls {
        assert_eq!(rig.reply(call_id).await.error().1, Outcome::Unknown);
    }
    assert_eq!(
        rig.call("nothing", b"\x01").await.error().1,
        Outcome::NotRun
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_sent_nowhere_else_and_the_command_is_not_run() {
    let rig = Rig::new();
    rig.broker.create_topic("Elsewhere", 1).unwrap();
    let server = rig.start().await;
    for (topic, partition) in [("Elsewhere", 0), (COMMANDS, 0), (RESULTS, 2)] {
        let mut command = rig.command("echo", b"\x01");
        command.reply_to = Some(ReplyAddress { topic, partition });
        rig.send(&command);
    }
    rig.all_committed().await;
    assert_eq!(server.stats().refused(Code::PermissionDenied), 3);
    assert!(rig.diary.started().is_empty());
    assert!(rig.broker.records("Elsewhere", 0).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_allowed_reply_topic_and_a_new_partition_are_answered() {
    let rig = Rig::new();
    rig.broker.create_topic("Elsewhere", 1).unwrap();
    let _server = rig
        .start_with(|builder| builder.allow_reply_topic("Elsewhere"))
        .await;
    rig.broker.faults().add_partitions(RESULTS, 4).unwrap();
    for (topic, partition) in [("Elsewhere", 0), (RESULTS, 3)] {
        let mut command = rig.command("echo", b"\x01");
        command.reply_to = Some(ReplyAddress { topic, partition });
        rig.send(&command);
        until(|| rig.broker.records(topic, partition).unwrap().len() == 1).await;
    }
    rig.all_committed().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_command_is_counted_and_passed_over() {
    let rig = Rig::new();
    let server = rig.start().await;
    let mut reply = Vec::new();
    Reply {
        call_id: rig.call_id(),
        body: ReplyBody::Value(b"\xc0"),
        server: "s2",
        times: StageTimes::default(),
        attempt: 1,
    }
    .encode(&mut reply);
    let now = rig.clock.wall_ms();
    rig.append(0, reply, Vec::new(), now);
    rig.append(0, b"{\"json\": 1}".to_vec(), Vec::new(), now);
    rig.append(0, Vec::new(), Vec::new(), now);
    let tombstone = MemoryRecord::default();
    rig.broker.append(COMMANDS, 0, tombstone).unwrap();

    // An unknown critical flag; everything else can be read, and so it is answered.
    let command = rig.command("echo", b"\x01");
    let mut value = Vec::new();
    command.encode(&mut value);
    value[3] = 1;
    rig.append(0, value, Vec::new(), now);
    let refused = rig.reply(command.call_id).await;
    assert_eq!(
        (refused.error().0, refused.error().1),
        (Code::Unimplemented, Outcome::NotRun)
    );

    rig.all_committed().await;
    assert_eq!((server.stats().foreign, server.stats().malformed), (1, 4));
    assert_eq!(rig.call("echo", b"\x01").await, Body::Value(b"\x01".into()));
}

#[tokio::test(start_paused = true)]
async fn a_full_server_refuses_calls_and_keeps_one_way_calls() {
    let rig = Rig::new();
    let server = rig
        .start_with(|builder| builder.concurrency(1).queue_limit(2))
        .await;
    rig.send(&rig.command("hold", b"\x01"));
    rig.send(&rig.command("hold", b"\x02"));
    until(|| server.stats().queued == 1).await;
    let Body::Error(code, outcome, _, retry_after) = rig.call("echo", b"\x03").await else {
        panic!("not refused");
    };
    assert_eq!((code, outcome), (Code::ResourceExhausted, Outcome::NotRun));
    assert!(retry_after.is_some());

    // A one-way call is kept, and what comes behind it waits in the log until there is room.
    let note = |number: u8| {
        let arguments = [number];
        let mut command = rig.command("note", &arguments);
        command.reply_to = None;
        command.budget_ms = 60_000;
        rig.send(&command);
    };
    note(4);
    until(|| server.stats().queued == 2).await;
    (5..40).for_each(note);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.stats().queued, 2, "the reading is paused");
    rig.gate.add_permits(2);
    rig.all_committed().await;
    let mut notes: Vec<u8> = rig
        .diary
        .started()
        .iter()
        .map(|a| a[0])
        .filter(|n| *n > 3)
        .collect();
    notes.sort_unstable();
    assert_eq!(notes, (4..40).collect::<Vec<_>>());
    assert_eq!(rig.call("echo", b"\x05").await, Body::Value(b"\x05".into()));
}

#[tokio::test(start_paused = true)]
async fn what_waited_while_the_reading_was_paused_is_as_old_as_it_is() {
    let rig = Rig::new();
    let server = rig
        .start_with(|builder| builder.concurrency(1).queue_limit(2))
        .await;
    let mut holding = rig.command("hold", b"\x01");
    holding.budget_ms = 60_000;
    rig.send(&holding);
    for number in [2, 3] {
        let arguments = [number];
        let mut note = rig.command("note", &arguments);
        note.reply_to = None;
        note.budget_ms = 60_000;
        rig.send(&note);
    }
    until(|| server.stats().queued == 2).await;
    // The first that is heard of this client waits, and isn't fetched at once when reading goes on.
    rig.broker.faults().hold(COMMANDS).unwrap();
    let mut late = rig.command("echo", b"\x04");
    late.call_id = CallId::new(*b"stranger", 1);
    rig.send(&late);
    tokio::time::sleep(Duration::from_secs(7)).await;
    rig.gate.add_permits(1);
    until(|| server.stats().running == 0 && server.stats().queued == 0).await;
    rig.broker.faults().release(COMMANDS).unwrap();
    rig.all_committed().await;
    assert_eq!(server.stats().expired, 1);
    assert!(!rig.diary.started().contains(&b"\x04".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn replies_that_cannot_be_sent_stop_the_reading_until_they_are() {
    use crate::transport::TransportErrorKind::Unavailable;
    use crate::transport::memory::Fate;

    let rig = Rig::new();
    let server = rig.start_with(|builder| builder.queue_limit(4)).await;
    let before = server.stats().received;
    rig.broker
        .faults()
        .next_produced(RESULTS, Fate::NotPersisted(Unavailable), 100)
        .unwrap();
    let mut calls = Vec::new();
    for _ in 0..30 {
        let mut command = rig.command("echo", b"\x01");
        command.budget_ms = 60_000;
        rig.send(&command);
        calls.push(command.call_id);
        // Each by itself, so that none finds too many before it that wait.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let read = server.stats().received - before;
    assert!((5..=6).contains(&read), "{read}");
    // Once they can, everything is read and answered: run, or refused where too many come at once.
    for call_id in calls {
        rig.reply(call_id).await;
    }
    rig.all_committed().await;
    assert_eq!(server.stats().lost_replies, 0);
}

#[tokio::test(start_paused = true)]
async fn a_few_megabytes_wait_for_a_look_up_and_no_more() {
    let rig = Rig::new();
    let server = rig.start().await;
    rig.broker.faults().add_partitions(RESULTS, 3).unwrap();
    let arguments = vec![0; 900_000];
    for _ in 0..30 {
        let mut command = rig.command("note", &arguments);
        command.reply_to = Some(ReplyAddress {
            topic: RESULTS,
            partition: 2,
        });
        rig.send(&command);
    }
    rig.all_committed().await;
    assert!(server.stats().refused(Code::PermissionDenied) > 0);
    assert!(server.stats().answered >= 16);
}

#[tokio::test(start_paused = true)]
async fn a_reply_partition_that_is_added_just_after_a_look_up_is_answered_on() {
    let rig = Rig::new();
    let server = rig.start().await;
    let address = |partition| {
        Some(ReplyAddress {
            topic: RESULTS,
            partition,
        })
    };
    let mut nowhere = rig.command("note", b"\x01");
    nowhere.reply_to = address(9);
    rig.send(&nowhere);
    rig.all_committed().await;
    assert_eq!(server.stats().refused(Code::PermissionDenied), 1);
    rig.broker.faults().add_partitions(RESULTS, 3).unwrap();
    for _ in 0..3 {
        let mut command = rig.command("note", b"\x02");
        command.reply_to = address(2);
        rig.send(&command);
    }
    rig.all_committed().await;
    assert_eq!(server.stats().refused(Code::PermissionDenied), 1);
    assert_eq!(rig.broker.watermarks(RESULTS, 2).unwrap().1, 3);
}

#[tokio::test(start_paused = true)]
async fn what_waited_beyond_its_deadline_is_not_started() {
    let rig = Rig::new();
    let server = rig.start_with(|builder| builder.concurrency(1)).await;
    let mut long = rig.command("hold", b"\x01");
    long.budget_ms = 60_000;
    rig.send(&long);
    rig.send(&rig.command("echo", b"\x02"));
    until(|| server.stats().queued == 1).await;
    tokio::time::advance(Duration::from_secs(6)).await;
    rig.gate.add_permits(1);
    rig.all_committed().await;
    assert_eq!(rig.diary.started(), [b"\x01"]);
    assert_eq!(server.stats().expired, 1);
}

#[tokio::test(start_paused = true)]
async fn no_bytes_stop_a_partition() {
    let rig = Rig::new();
    let server = rig.start().await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut valid = Vec::new();
    rig.command("echo", b"\x01").encode(&mut valid);
    for round in 0..2_000 {
        // Noise, cut off commands, and commands with some bytes changed.
        let value = match round % 3 {
            0 => (0..random.usize(..200)).map(|_| random.u8(..)).collect(),
            1 => valid[..random.usize(..valid.len())].to_vec(),
            _ => {
                let mut value = valid.clone();
                for _ in 0..random.usize(1..4) {
                    let at = random.usize(..value.len());
                    value[at] = random.u8(..);
                }
                value
            }
        };
        rig.append(random.u32(..2), value, Vec::new(), rig.clock.wall_ms());
    }
    rig.all_committed().await;
    assert!(server.stats().malformed > 1_000);
    assert_eq!(rig.call("echo", b"\x01").await, Body::Value(b"\x01".into()));
}
