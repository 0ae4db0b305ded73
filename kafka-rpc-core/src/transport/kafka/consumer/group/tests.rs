use crate::transport::kafka::consumer::group::*;
use crate::transport::kafka::consumer::poller::ROUND;
use crate::transport::kafka::consumer::recovery::subscribe;
use crate::transport::kafka::ffi;
use crate::transport::kafka::tests::{Bed, SOON, append, recorder};

/// Without the batch queue everything works as well, only slower: nothing else would tell.
#[test]
fn records_of_assigned_partitions_come_many_at_a_time() {
    let bed = Bed::new();
    let topic = bed.topic(2);
    let (producer, reports) = bed.producer();
    let count = 20;
    for partition in (0..2).cycle().take(count) {
        append(&*producer, &reports, &topic, partition, b"value");
    }
    let options = GroupOptions {
        group: format!("{topic}-group"),
        topic,
        instance: None,
        revoke_patience: SOON,
    };
    let (sink, _heard) = recorder();
    let shared = Arc::new(Shared::new(&bed.kafka.0, options, sink));
    let mut poller = subscribe(&bed.kafka.0, &shared).expect("a member");
    let until = Instant::now() + SOON;
    let arrived = |poller: &Poller| {
        let arrivals = poller.consumer.arrivals();
        arrivals.batched + arrivals.single
    };
    while arrived(&poller) < count as u64 {
        assert!(Instant::now() < until, "{:?}", poller.consumer.arrivals());
        poller.poll(&shared, ROUND);
    }
    let all_batched = ffi::Arrivals {
        batched: count as u64,
        single: 0,
    };
    assert_eq!(poller.consumer.arrivals(), all_batched);
}
