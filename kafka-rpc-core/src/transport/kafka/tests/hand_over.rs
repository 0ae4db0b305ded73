//! What a member commits when its partitions go, and what their next owner finds.

use rdkafka::Offset;
use rdkafka::types::RDKafkaRespErr;

use crate::transport::kafka::tests::commits::{committed, refuse, refuse_with};
use crate::transport::kafka::tests::group::{join, join_as, leave, options};
use crate::transport::kafka::tests::*;
use crate::transport::{Committed, GroupOptions};

#[test]
fn the_last_commit_of_a_partition_and_its_note_reach_the_next_owner() {
    // The mock may refuse every commit while its group rebalances, as no real broker does, and then
    // the next owner has to begin anew. On a busy machine it does so in one hand-over of five.
    let is_handed_over = (0..6).any(|_| {
        let bed = Bed::new();
        let is_handed_over = hands_over(&bed);
        assert!(is_handed_over || !bed.real);
        is_handed_over
    });
    assert!(is_handed_over);
}

/// Whether the next owner of a partition finds what the first one has committed last. If not, the first
/// one is told.
fn hands_over(bed: &Bed) -> bool {
    let topic = bed.topic(2);
    let (producer, reports) = bed.producer();
    let (first, heard) = join(bed, &topic);
    assert_eq!(heard.assigned().len(), 2);
    for partition in [0, 1] {
        append(&*producer, &reports, &topic, partition, b"old");
        assert_eq!(heard.value(), b"old");
        heard.done(partition, 1, Some("what runs"));
    }
    let (second, other) = join(bed, &topic);
    let revoked = heard.revoked();
    assert_eq!(
        revoked.len(),
        1,
        "cooperative: only what moves is taken away"
    );
    let assigned = other.assigned();
    assert_eq!(assigned.len(), 1);
    assert_eq!(assigned[0].partition, revoked[0]);
    assert_eq!(assigned[0].end, Some(1));
    append(&*producer, &reports, &topic, revoked[0], b"new");
    let is_handed_over = assigned[0].committed.is_some();
    if is_handed_over {
        let expected = Committed {
            next: 1,
            note: Some("what runs".to_owned()),
        };
        assert_eq!(assigned[0].committed, Some(expected));
        assert_eq!(other.value(), b"new");
    } else {
        assert_eq!(other.value(), b"old");
        assert_eq!(heard.not_handed_over(), revoked);
    }
    // The first takes over again when the second leaves. The mock may have taken all from it meanwhile.
    leave(&*second);
    let back = heard.assigned();
    assert!(back.iter().any(|one| one.partition == revoked[0]));
    leave(&*first);
    is_handed_over
}

#[test]
fn a_revocation_is_answered_while_what_was_read_is_worked_on() {
    let bed = Bed::new();
    let topic = bed.topic(2);
    let (producer, reports) = bed.producer();
    let (works, working) = mpsc::channel();
    let (first, heard) = join_as(&bed, options(&topic), |recorder| recorder.work(working));
    heard.assigned();
    append(&*producer, &reports, &topic, 0, b"long");
    assert_eq!(heard.value(), b"long");
    let (second, other) = join(&bed, &topic);
    let revoked = heard.revoked();
    let assigned = other.assigned();
    assert_eq!(assigned[0].partition, revoked[0]);
    // What stays is read on, too.
    append(&*producer, &reports, &topic, 1 - revoked[0], b"short");
    assert_eq!(heard.value(), b"short");
    leave(&*second);
    drop(works);
    leave(&*first);
}

#[test]
fn a_last_commit_that_is_refused_is_told() {
    let bed = Bed::new();
    if bed.real {
        return; // A real broker refuses no commit to order.
    }
    let topic = bed.topic(2);
    let (producer, reports) = bed.producer();
    let (first, heard) = join(&bed, &topic);
    heard.assigned();
    for partition in [0, 1] {
        append(&*producer, &reports, &topic, partition, b"old");
        assert_eq!(heard.value(), b"old");
        heard.done(partition, 1, Some("what runs"));
    }
    refuse(&bed, 10);
    let (second, other) = join(&bed, &topic);
    let revoked = heard.revoked();
    assert_eq!(heard.not_handed_over(), revoked);
    assert_eq!(other.assigned()[0].committed, None);
    assert_eq!(other.value(), b"old");
    refuse(&bed, 0);
    drop((first, second));
}

#[test]
fn a_note_that_the_broker_refuses_is_left_out() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    append(&*producer, &reports, &topic, 0, b"0");
    let (member, heard) = join(&bed, &topic);
    assert_eq!(heard.value(), b"0");
    // The mock takes notes of any length.
    if !bed.real {
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
        refuse_with(&bed, refusal, 1);
    }
    let note = "x".repeat(5_000);
    heard.done(0, 1, Some(&note));
    member.progressed();
    let plain = |next| (Offset::Offset(next), String::new());
    let until = Instant::now() + Duration::from_secs(10);
    while committed(&bed, &topic) != plain(1) {
        assert!(Instant::now() < until, "not committed");
    }
    // Nor is it tried again in the last moment. Whoever comes next knows nothing of what runs.
    heard.done(0, 2, Some(&note));
    leave(&*member);
    assert_eq!(heard.not_handed_over(), [0]);
    assert_eq!(committed(&bed, &topic), plain(2));
}

#[test]
fn what_another_program_wrote_beside_an_offset_arrives_as_it_is() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    append(&*producer, &reports, &topic, 0, b"0");
    append(&*producer, &reports, &topic, 0, b"1");
    let long = "y".repeat(4_096);
    for note in ["a plain text", "\u{1f980} kr1:", "", &long] {
        let (member, heard) = join(&bed, &topic);
        heard.assigned();
        heard.done(0, 1, Some(note));
        leave(&*member);
        let (member, heard) = join(&bed, &topic);
        let expected = Committed {
            next: 1,
            note: Some(note.to_owned()).filter(|note| !note.is_empty()),
        };
        assert_eq!(heard.assigned()[0].committed, Some(expected));
        assert_eq!(heard.value(), b"1");
        leave(&*member);
    }
}

#[test]
fn leaving_says_whether_the_group_was_told() {
    for instance in [None, Some("one".to_owned())] {
        let bed = Bed::new();
        let topic = bed.topic(1);
        let named = GroupOptions {
            instance,
            ..options(&topic)
        };
        let (member, heard) = join_as(&bed, named.clone(), |_| {});
        heard.assigned();
        leave(&*member);
        if bed.real {
            continue; // It can't be taken down by the transport's own means.
        }
        let (producer, reports) = bed.producer();
        append(&*producer, &reports, &topic, 0, b"0");
        let (member, heard) = join_as(&bed, named, |_| {});
        assert_eq!(heard.value(), b"0");
        heard.done(0, 1, None);
        let mock = bed.kafka.0.embedded().expect("embedded").client();
        let cluster = mock.mock_cluster().expect("a mock");
        cluster.broker_down(-1).expect("goes down");
        let patience = Duration::from_secs(1);
        let start = Instant::now();
        let left = block_on(member.leave(patience));
        let took = start.elapsed();
        cluster.broker_up(-1).expect("comes up");
        left.expect_err("the group can't be told");
        assert!(took >= patience && took < 2 * patience, "{took:?}");
    }
}
