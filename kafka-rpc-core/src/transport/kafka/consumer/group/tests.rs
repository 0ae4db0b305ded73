use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use crate::transport::kafka::consumer::group::*;
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
    };
    let (sink, _heard) = recorder();
    let shared = Arc::new(Shared::new(&bed.kafka.0, options, Arc::clone(&sink) as _));
    let mut poller = subscribe(&bed.kafka.0, &shared).expect("a member");
    let (all_read, waits) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let shared = &shared;
        // If they don't all come, it leaves.
        scope.spawn(move || {
            if waits.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout) {
                shared.leave(Duration::ZERO);
            }
        });
        for _ in 0..count {
            sink.work(mpsc::channel().1);
            assert!(
                matches!(poller.next(shared), Turn::Work(..)),
                "{:?}",
                poller.consumer.arrivals()
            );
        }
        drop(all_read);
    });
    let all_batched = ffi::Arrivals {
        batched: count as u64,
        single: 0,
    };
    assert_eq!(poller.consumer.arrivals(), all_batched);
}
