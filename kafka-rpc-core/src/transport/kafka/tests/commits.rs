//! What a member has noted is committed, whatever refuses it at first.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

use super::group::{join, join_and, leave, options};
use super::*;
use crate::transport::GroupOptions;

/// Has the group's coordinator refuse the next commits, as it does while the group rebalances. Only
/// the embedded cluster does that to order.
fn refuse(bed: &Bed, commits: usize) {
    let embedded = bed.kafka.0.embedded().expect("embedded").client();
    let cluster = embedded.mock_cluster().expect("a mock");
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, &vec![refusal; commits]);
}

/// The offset that a partition's next owner begins at.
fn committed(bed: &Bed, topic: &str) -> Offset {
    let settings = bed.kafka.0.member(&options(topic)).expect("fine");
    let asking: BaseConsumer = settings.create().expect("a client");
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    let list = asking.committed_offsets(list, SOON).expect("answers");
    list.elements()[0].offset()
}

#[test]
fn a_commit_that_is_refused_is_made_again() {
    let bed = Bed::new();
    if bed.real {
        return; // A real broker refuses no commit to order.
    }
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    append(&*producer, &reports, &topic, 0, b"0");
    let (member, heard) = join(&bed, &topic);
    assert_eq!(heard.value(), b"0");
    refuse(&bed, 2);
    member.commit(0, 1);
    let until = Instant::now() + Duration::from_secs(10);
    while committed(&bed, &topic) != Offset::Offset(1) {
        assert!(Instant::now() < until, "not committed");
    }
    leave(&*member);
}

#[test]
fn a_commit_that_is_refused_in_a_revocation_is_made_before_the_partition_goes() {
    // The mock may refuse every commit while its group rebalances, as no real broker does, and then
    // the next owner has to begin anew. On a busy machine it does so in one handover of five.
    let counts = (0..6).any(|_| {
        let bed = Bed::new();
        // A real broker refuses no commit to order.
        bed.real || hands_over_after_refusals(&bed)
    });
    assert!(counts, "the commit of the first counts");
}

/// Whether the next owner of a partition begins after what the first one has done, though the commit
/// in its revocation was refused at first.
fn hands_over_after_refusals(bed: &Bed) -> bool {
    let topic = bed.topic(2);
    let (producer, reports) = bed.producer();
    let (first, heard) = join_and(true, bed, &topic);
    heard.assigned();
    for partition in [0, 1] {
        append(&*producer, &reports, &topic, partition, b"old");
        assert_eq!(heard.value(), b"old");
    }
    let (second, other) = join(bed, &topic);
    let (revoked, release) = heard.revoked();
    refuse(bed, 3);
    first.commit(revoked[0], 1);
    drop(release);
    assert_eq!(other.assigned()[0].partition, revoked[0]);
    append(&*producer, &reports, &topic, revoked[0], b"new");
    let counts = other.value() == b"new";
    leave(&*second);
    drop(heard);
    leave(&*first);
    counts
}

#[test]
fn a_member_leaves_when_its_commits_are_taken() {
    for instance in [None, Some("one".to_owned())] {
        let bed = Bed::new();
        if bed.real {
            return; // A real broker refuses no commit to order.
        }
        let topic = bed.topic(1);
        let (producer, reports) = bed.producer();
        append(&*producer, &reports, &topic, 0, b"0");
        let named = GroupOptions {
            instance,
            ..options(&topic)
        };
        let (recorder, heard) = recorder();
        let member = block_on(bed.transport.join(named, recorder)).expect("a member");
        assert_eq!(heard.value(), b"0");
        refuse(&bed, 3);
        member.commit(0, 1);
        leave(&*member);
        assert_eq!(committed(&bed, &topic), Offset::Offset(1));
    }
}

#[test]
fn a_member_that_leaves_stays_in_its_group_until_everything_is_released() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    append(&*producer, &reports, &topic, 0, b"0");
    let (member, heard) = join_and(true, &bed, &topic);
    assert_eq!(heard.value(), b"0");
    let leaving = member.leave(Duration::from_secs(20));
    let left = std::thread::spawn(move || block_on(leaving));
    let (revoked, release) = heard.revoked();
    assert_eq!(revoked, [0]);
    // Longer than a session, which is 2 s with the embedded cluster, and 6 s with a real one: a member
    // that isn't heard of for so long is given up for dead.
    let session = Duration::from_secs(if bed.real { 6 } else { 2 });
    std::thread::sleep(session + Duration::from_secs(2));
    member.commit(0, 1);
    drop(release);
    left.join().expect("it has left");
    assert_eq!(committed(&bed, &topic), Offset::Offset(1));
}
