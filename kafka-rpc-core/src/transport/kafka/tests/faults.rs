use std::process::Command;

use super::*;
use crate::transport::{GroupOptions, TransportErrorKind as Kind};

/// A restart of the broker that the environment gives a command for.
#[test]
fn a_killed_broker_that_comes_back_finds_everything_going_on() {
    let Ok(restart) = std::env::var("KAFKA_RPC_RESTART") else {
        return;
    };
    let Some(bed) = Bed::real() else { return };
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    let (sink, listened) = recorder();
    let _listener = block_on(bed.transport.listen(&topic, 0, sink)).expect("a listener");
    let (sink, consumed) = recorder();
    let options = GroupOptions {
        group: format!("{topic}-group"),
        topic: topic.clone(),
        instance: None,
        revoke_patience: Duration::from_secs(5),
    };
    let member = block_on(bed.transport.join(options, sink)).expect("a member");
    consumed.assigned();
    append(&*producer, &reports, &topic, 0, b"before");
    assert_eq!(listened.value(), b"before");
    assert_eq!(consumed.value(), b"before");

    let done = Command::new(restart).status().expect("the command runs");
    assert!(done.success());
    let back = Instant::now();
    append(&*producer, &reports, &topic, 0, b"after");
    assert_eq!(listened.value(), b"after");
    let read = back.elapsed();
    // What wasn't committed may come again.
    while consumed.value() != b"after" {}
    let served = back.elapsed();
    // What the broker itself needs after its port is open is in here too.
    assert!(read < Duration::from_secs(8), "{read:?}");
    assert!(served < Duration::from_secs(10), "{served:?}");
    block_on(member.leave(SOON));
}

/// With a broker that knows Alice and her password by SASL/PLAIN.
#[test]
fn refused_credentials_are_told_from_an_unreachable_broker() {
    let Ok(brokers) = std::env::var("KAFKA_RPC_SASL_BROKERS") else {
        return;
    };
    let right = Kafka::new(&brokers).sasl_plain("alice", "wonderland");
    let transport = right.open().expect("fine");
    assert_eq!(
        block_on(transport.partitions("kafka-rpc-test-missing", SOON)),
        Ok(None)
    );

    let wrong = Kafka::new(&brokers).sasl_plain("alice", "hunter2");
    let transport = wrong.open().expect("fine");
    let refused = |error: TransportError| {
        assert_eq!(error.kind, Kind::Unauthenticated, "{error}");
        assert!(error.message.contains("PLAIN"), "{error}");
        assert!(!error.message.contains("hunter2"), "{error}");
    };
    let start = Instant::now();
    refused(block_on(transport.partitions("any", SOON)).expect_err("refused"));
    let (sink, _heard) = recorder();
    refused(block_on(transport.producer(sink)).err().expect("refused"));
    let (sink, _heard) = recorder();
    refused(
        block_on(transport.listen("any", 0, sink))
            .err()
            .expect("refused"),
    );
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

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
        revoke_patience: Duration::from_secs(5),
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
    member.commit(0, 1);
    cluster.broker_up(-1).expect("comes up");
    heard.assigned();
    assert_eq!(heard.value(), b"0", "a commit for what was lost is ignored");
    block_on(member.leave(SOON));
}
