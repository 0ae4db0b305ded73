use crate::transport::kafka::consumer::listener::*;
use crate::transport::kafka::tests::{Bed, SOON, append, recorder};

/// Reads until so many records have come since the reader started.
fn read(reader: &mut Reader, count: u64) {
    let until = Instant::now() + SOON;
    loop {
        let arrivals = reader.consumer.arrivals();
        if arrivals.batched + arrivals.single >= count {
            return;
        }
        assert!(Instant::now() < until, "{arrivals:?}");
        reader.attend();
    }
}

/// Without the batch queue everything works as well, only slower: nothing else would tell.
#[test]
fn records_come_many_at_a_time_also_after_a_new_assignment() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, reports) = bed.producer();
    let (sink, _heard) = recorder();
    let mut reader = Reader::start(&bed.kafka.0, &topic, 0, sink).expect("a listener");
    let count = 10;
    for _ in 0..count {
        append(&*producer, &reports, &topic, 0, b"value");
    }
    read(&mut reader, count);
    let all_batched = ffi::Arrivals {
        batched: count,
        single: 0,
    };
    assert_eq!(reader.consumer.arrivals(), all_batched);

    // The first records may come one by one here, until librdkafka has ended the assignment before.
    reader.assign(0).expect("assigned");
    read(&mut reader, 2 * count);
    let before = reader.consumer.arrivals();
    append(&*producer, &reports, &topic, 0, b"value");
    read(&mut reader, 2 * count + 1);
    assert_eq!(reader.consumer.arrivals().batched, before.batched + 1);
}
