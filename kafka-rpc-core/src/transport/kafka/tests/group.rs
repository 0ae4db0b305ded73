use rdkafka::Offset;

use crate::transport::kafka::tests::commits::committed;
use crate::transport::kafka::tests::*;
use crate::transport::{Committed, GroupOptions, Membership, TransportErrorKind as Kind};

pub(super) fn options(topic: &str) -> GroupOptions {
    GroupOptions {
        group: format!("{topic}-group"),
        topic: topic.to_owned(),
        instance: None,
    }
}

pub(super) fn join(bed: &Bed, topic: &str) -> (Arc<dyn Membership>, Heard) {
    join_as(bed, options(topic), |_| {})
}

/// Joins with a sink that is prepared before.
pub(super) fn join_as(
    bed: &Bed,
    options: GroupOptions,
    prepare: impl FnOnce(&Recorder),
) -> (Arc<dyn Membership>, Heard) {
    let (recorder, heard) = recorder();
    prepare(&recorder);
    let member = block_on(bed.transport.join(options, recorder)).expect("a member");
    (member, heard)
}

pub(super) fn leave(member: &dyn Membership) {
    let start = Instant::now();
    block_on(member.leave(Duration::from_secs(10))).expect("the group is told");
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
        committed: None,
    };
    assert_eq!(assigned, [end(0, 0), end(1, 4)]);
    for value in [b"0", b"1", b"2", b"3"] {
        assert_eq!(heard.value(), value);
    }
    // The last commit must win, and one for a foreign partition must do no harm.
    heard.done(1, 2, None);
    heard.done(17, 100, None);
    member.progressed();
    heard.done(1, 3, None);
    leave(&*member);
    let mut revoked = heard.revoked();
    revoked.sort_unstable();
    assert_eq!(revoked, [0, 1]);

    let (member, heard) = join(&bed, &topic);
    let assigned = heard.assigned();
    let committed = assigned.into_iter().find(|one| one.partition == 1);
    let expected = Committed {
        next: 3,
        note: None,
    };
    assert_eq!(committed.and_then(|one| one.committed), Some(expected));
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
    heard.done(0, 1, None);
    member.progressed();
    let until = Instant::now() + Duration::from_secs(5);
    while committed(&bed, &topic).0 != Offset::Offset(1) {
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
    for (member, heard) in &members {
        heard.done(0, 1, None);
        member.progressed();
    }
    let start = Instant::now();
    let patience = Duration::from_secs(1);
    let leaving: Vec<_> = members
        .iter()
        .map(|(member, _)| member.leave(patience))
        .collect();
    for left in leaving {
        let error = block_on(left).expect_err("the group can't be told");
        assert_eq!(error.kind, Kind::Unavailable);
    }
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
        let start = Instant::now();
        let (member, heard) = join_as(&bed, named.clone(), |_| {});
        assert_eq!(
            heard.value(),
            value,
            "the commit of the round before counts"
        );
        // The mock's groups need seconds for every rebalance but the first, static members or not.
        assert!(!bed.real || start.elapsed() < Duration::from_secs(3));
        heard.done(0, i64::from(round) + 1, None);
        leave(&*member);
        assert_eq!(heard.revoked(), [0]);
    }
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
