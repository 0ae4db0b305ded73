//! What a member has noted is committed, whatever refuses it at first.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

use crate::transport::GroupOptions;
use crate::transport::kafka::tests::group::{join, join_as, leave, options};
use crate::transport::kafka::tests::*;

/// Has the group's coordinator refuse the next commits, as it does while the group rebalances. Only
/// the embedded cluster does that to order.
pub(super) fn refuse(bed: &Bed, commits: usize) {
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    refuse_with(bed, refusal, commits);
}

/// The same with another error.
pub(super) fn refuse_with(bed: &Bed, refusal: RDKafkaRespErr, commits: usize) {
    let embedded = bed.kafka.0.embedded().expect("embedded").client();
    let cluster = embedded.mock_cluster().expect("a mock");
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, &vec![refusal; commits]);
}

/// The offset that the next owner of partition 0 begins at, and what is written beside it.
pub(super) fn committed(bed: &Bed, topic: &str) -> (Offset, String) {
    let settings = bed.kafka.0.member(&options(topic));
    let asking: BaseConsumer = settings.create().expect("a client");
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    let list = asking.committed_offsets(list, SOON).expect("answers");
    let element = &list.elements()[0];
    (element.offset(), element.metadata().to_owned())
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
    heard.done(0, 1, Some("note"));
    member.progressed();
    let until = Instant::now() + Duration::from_secs(10);
    while committed(&bed, &topic) != (Offset::Offset(1), "note".to_owned()) {
        assert!(Instant::now() < until, "not committed");
    }
    leave(&*member);
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
        let (member, heard) = join_as(&bed, named, |_| {});
        assert_eq!(heard.value(), b"0");
        refuse(&bed, 3);
        heard.done(0, 1, None);
        member.progressed();
        leave(&*member);
        assert_eq!(committed(&bed, &topic).0, Offset::Offset(1));
    }
}
