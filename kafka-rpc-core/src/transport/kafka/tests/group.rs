use crate::transport::kafka::tests::*;
use crate::transport::{GroupOptions, Membership, TransportErrorKind as Kind};

pub(super) fn options(topic: &str) -> GroupOptions {
    GroupOptions {
        group: format!("{topic}-group"),
        topic: topic.to_owned(),
        instance: None,
        revoke_patience: Duration::from_secs(20),
    }
}

pub(super) fn join(bed: &Bed, topic: &str) -> (Arc<dyn Membership>, Heard) {
    join_and(false, bed, topic)
}

pub(super) fn join_and(holds: bool, bed: &Bed, topic: &str) -> (Arc<dyn Membership>, Heard) {
    let (recorder, heard) = recorder_that(holds);
    let member = block_on(bed.transport.join(options(topic), recorder)).expect("a member");
    (member, heard)
}

pub(super) fn leave(member: &dyn Membership) {
    let start = Instant::now();
    block_on(member.leave(Duration::from_secs(10)));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_member_that_comes_back_goes_on_after_its_commit() {
    let bed = Bed::new();
    let topic = bed.topic(2);
    let (producer, reports) = bed.producer();
    for value in [b"0", b"1", b"2", b"3"] {
        append(&*producer, &reports, &topic, 1, value);
    }
    let (member, heard) = join(&bed, &topic);
    let mut assigned = heard.assigned();
    assigned.sort_by_key(|assigned| assigned.partition);
    let end = |partition, end| Assigned {
        partition,
        end: Some(end),
    };
    assert_eq!(assigned, [end(0, 0), end(1, 4)]);
    for value in [b"0", b"1", b"2", b"3"] {
        assert_eq!(heard.value(), value);
    }
    // The later commit must win, and one for a foreign partition must do no harm.
    member.commit(1, 3);
    member.commit(1, 2);
    member.commit(17, 100);
    leave(&*member);
    let (mut revoked, _release) = heard.revoked();
    revoked.sort_unstable();
    assert_eq!(revoked, [0, 1]);

    let (member, heard) = join(&bed, &topic);
    heard.assigned();
    assert_eq!(heard.record().offset, 3);
    leave(&*member);
}

#[test]
fn commits_happen_while_it_reads() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    append(&*producer, &reports, &topic, 0, b"0");
    let (member, heard) = join(&bed, &topic);
    assert_eq!(heard.value(), b"0");
    member.commit(0, 1);
    let asking = bed
        .kafka
        .0
        .member(&options(&topic))
        .expect("fine")
        .create::<rdkafka::consumer::BaseConsumer>()
        .expect("a client");
    let committed = || {
        use rdkafka::consumer::Consumer;
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition(&topic, 0);
        let list = asking.committed_offsets(list, SOON).expect("answers");
        list.elements()[0].offset()
    };
    let until = Instant::now() + Duration::from_secs(5);
    while committed() != rdkafka::Offset::Offset(1) {
        assert!(Instant::now() < until, "not committed");
    }
    leave(&*member);
}

#[test]
fn flushes_when_nothing_more_is_at_hand() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    let (member, heard) = join(&bed, &topic);
    heard.assigned();
    append(&*producer, &reports, &topic, 0, b"0");
    heard.record();
    heard.wait("flush", |event| matches!(event, Event::Flush).then_some(()));
    leave(&*member);
}

#[test]
fn a_paused_member_reads_nothing_until_it_is_resumed() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    let (member, heard) = join(&bed, &topic);
    heard.assigned();
    append(&*producer, &reports, &topic, 0, b"before");
    assert_eq!(heard.value(), b"before");
    member.pause();
    // Idle rounds of the member's thread: by the second one it has seen the request.
    while heard.0.try_recv().is_ok() {}
    for _ in 0..3 {
        heard.wait("flush", |event| matches!(event, Event::Flush).then_some(()));
    }
    append(&*producer, &reports, &topic, 0, b"during");
    for _ in 0..20 {
        heard.wait("flush", |event| match event {
            Event::Record(read) => panic!("{read:?} came while paused"),
            Event::Flush => Some(()),
            _ => None,
        });
    }
    member.resume();
    assert_eq!(heard.value(), b"during");
    leave(&*member);
}

#[test]
fn a_second_member_waits_for_the_release_of_the_first() {
    let bed = Bed::new();
    let topic = bed.topic(2);
    let (producer, reports) = bed.producer();
    let (first, heard) = join_and(true, &bed, &topic);
    assert_eq!(heard.assigned().len(), 2);
    for partition in [0, 1] {
        append(&*producer, &reports, &topic, partition, b"old");
        assert_eq!(heard.value(), b"old");
    }
    let (second, other) = join(&bed, &topic);
    let (revoked, release) = heard.revoked();
    assert_eq!(
        revoked.len(),
        1,
        "cooperative: only what moves is taken away"
    );
    // Nothing is handed over while the release is held.
    let early = other
        .0
        .recv_timeout(Duration::from_millis(500))
        .ok()
        .filter(|event| matches!(event, Event::Assigned(_)));
    assert!(early.is_none(), "{early:?}");
    first.commit(revoked[0], 1);
    drop(release);
    let assigned = other.assigned();
    assert_eq!(assigned.len(), 1);
    assert_eq!(assigned[0].partition, revoked[0]);
    assert_eq!(assigned[0].end, Some(1));
    append(&*producer, &reports, &topic, revoked[0], b"new");
    let value = other.value();
    // The mock may refuse a commit while its group rebalances, as no real broker does.
    if bed.real || value != b"old" {
        assert_eq!(value, b"new", "the commit of the first counts");
    }

    // The first takes over again when the second leaves.
    leave(&*second);
    let back = heard.assigned();
    assert_eq!(
        back.iter().map(|one| one.partition).collect::<Vec<_>>(),
        revoked
    );
    // Nobody listens to the last revocation, which releases it.
    drop(heard);
    leave(&*first);
}

#[test]
fn what_was_taken_away_while_paused_is_read_when_it_is_back() {
    let bed = Bed::new();
    let topic = bed.topic(2);
    let (producer, reports) = bed.producer();
    let (first, heard) = join(&bed, &topic);
    assert_eq!(heard.assigned().len(), 2);
    first.pause();
    for _ in 0..3 {
        heard.wait("flush", |event| matches!(event, Event::Flush).then_some(()));
    }
    let (second, other) = join(&bed, &topic);
    let moved = other.assigned()[0].partition;
    first.resume();
    while heard.0.try_recv().is_ok() {}
    for _ in 0..30 {
        heard.wait("flush", |event| matches!(event, Event::Flush).then_some(()));
    }
    leave(&*second);
    heard.assigned();
    append(&*producer, &reports, &topic, moved, b"back");
    assert_eq!(heard.value(), b"back");
    leave(&*first);
}

#[test]
fn members_that_leave_together_are_waited_for_once() {
    let bed = Bed::new();
    if bed.real {
        return; // A real broker can't be taken down by the transport's own means.
    }
    let (producer, reports) = bed.producer();
    let members: Vec<_> = (0..3)
        .map(|_| {
            let topic = bed.topic(1);
            let (member, heard) = join(&bed, &topic);
            heard.assigned();
            append(&*producer, &reports, &topic, 0, b"read");
            assert_eq!(heard.value(), b"read");
            (member, heard)
        })
        .collect();
    let mock = bed.kafka.0.embedded().expect("embedded").client();
    let cluster = mock.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("goes down");
    // Leaving waits for what is to be committed.
    for (member, _) in &members {
        member.commit(0, 1);
    }
    let start = Instant::now();
    let patience = Duration::from_secs(1);
    let leaving: Vec<_> = members
        .iter()
        .map(|(member, _)| member.leave(patience))
        .collect();
    leaving.into_iter().for_each(block_on);
    let took = start.elapsed();
    cluster.broker_up(-1).expect("comes up");
    assert!(took < 2 * patience, "{took:?}");
}

#[test]
fn a_static_member_that_comes_back_finds_its_partitions_waiting() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    let named = GroupOptions {
        instance: Some("one".to_owned()),
        ..options(&topic)
    };
    for round in 0..2 {
        let value = [round];
        append(&*producer, &reports, &topic, 0, &value);
        let (recorder, heard) = recorder();
        let start = Instant::now();
        let member = block_on(bed.transport.join(named.clone(), recorder)).expect("a member");
        assert_eq!(
            heard.value(),
            value,
            "the commit of the round before counts"
        );
        // The mock's groups need seconds for every rebalance but the first, static members or not.
        assert!(!bed.real || start.elapsed() < Duration::from_secs(3));
        member.commit(0, i64::from(round) + 1);
        leave(&*member);
        assert_eq!(heard.revoked().0, [0]);
    }
}

#[test]
fn a_release_that_never_comes_is_waited_for_with_patience_only() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (member, heard) = join_and(true, &bed, &topic);
    heard.assigned();
    let start = Instant::now();
    block_on(member.leave(Duration::from_secs(2)));
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(1900) && took < Duration::from_secs(4),
        "{took:?}"
    );
    let (_, _release) = heard.revoked();
}

#[test]
fn a_dropped_member_leaves() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (member, heard) = join(&bed, &topic);
    heard.assigned();
    let start = Instant::now();
    drop(member);
    assert!(
        start.elapsed() < Duration::from_millis(50),
        "dropping blocks nobody"
    );
    // Ends only when the sender is gone, and with it the thread that held it.
    while heard.0.recv_timeout(SOON).is_ok() {}
    let (next, heard) = join(&bed, &topic);
    heard.assigned();
    // Sooner than the first would have been given up for dead.
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    leave(&*next);
}

#[test]
fn a_revocation_may_not_take_longer_than_polling_may_stop() {
    let kafka = Kafka::new("localhost:1").set("max.poll.interval.ms", "70000");
    let (recorder, _heard) = recorder();
    let transport = kafka.open().expect("fine");
    let error = block_on(transport.join(options("topic"), recorder))
        .err()
        .expect("refused");
    assert_eq!(error.kind, Kind::Configuration);
    assert!(error.message.contains("max.poll.interval.ms"), "{error}");
}
