use crate::transport::GroupOptions;
use crate::transport::kafka::tests::*;

#[test]
fn a_member_that_the_group_gave_up_hears_that_it_has_lost_its_partitions() {
    let bed = Bed::new();
    if bed.real {
        return; // A real broker can't be taken down by the transport's own means.
    }
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    let (sink, heard) = recorder();
    let options = GroupOptions {
        group: format!("{topic}-group"),
        topic: topic.clone(),
        instance: None,
    };
    let member = block_on(bed.transport.join(options, sink)).expect("a member");
    heard.assigned();
    append(&*producer, &reports, &topic, 0, b"0");
    assert_eq!(heard.value(), b"0");
    let mock = bed.kafka.0.embedded().expect("embedded").client();
    let cluster = mock.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("goes down");
    let lost = heard.wait("loss", |event| match event {
        Event::Lost(partitions) => Some(partitions),
        Event::Revoked(..) => panic!("nothing can be committed any more"),
        _ => None,
    });
    assert_eq!(lost, [0]);
    heard.done(0, 1, None);
    member.progressed();
    cluster.broker_up(-1).expect("comes up");
    heard.assigned();
    assert_eq!(heard.value(), b"0", "a commit for what was lost is ignored");
    block_on(member.leave(SOON)).expect("the group is told");
}
