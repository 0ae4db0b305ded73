use rdkafka::{Offset, TopicPartitionList};

use crate::transport::TransportErrorKind as Kind;
use crate::transport::kafka::tests::*;

#[test]
fn a_ready_listener_misses_nothing() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    for round in 0..50_u32 {
        let (recorder, listened) = recorder();
        let _listener = block_on(bed.transport.listen(&topic, 0, recorder)).expect("a listener");
        let value = round.to_be_bytes();
        append(&*producer, &heard, &topic, 0, &value);
        assert_eq!(listened.value(), value, "neither an older record nor none");
    }
}

#[test]
fn a_listener_whose_task_waits_for_records_tells_of_trouble() {
    let bed = Bed::new();
    if bed.real {
        return; // A real broker can't be taken down by the transport's own means.
    }
    let topic = bed.topic(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("a runtime");
    let _runtime = runtime.enter();
    let (recorder, heard) = recorder();
    let _listener = block_on(bed.transport.listen(&topic, 0, recorder)).expect("a listener");
    let mock = bed.kafka.0.embedded().expect("embedded").client();
    let cluster = mock.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("goes down");
    heard.wait("trouble", |event| {
        matches!(event, Event::Trouble(_)).then_some(())
    });
}

#[test]
fn what_does_not_exist_cannot_be_listened_to() {
    let bed = Bed::new();
    let topic = bed.topic(2);
    for (name, partition) in [(topic.as_str(), 2), ("kafka-rpc-test-missing", 0)] {
        let (recorder, _heard) = recorder();
        let start = Instant::now();
        let error = block_on(bed.transport.listen(name, partition, recorder))
            .err()
            .expect("there is no such partition");
        assert_eq!(error.kind, Kind::UnknownTopic);
        assert!(start.elapsed() < Duration::from_secs(3));
    }
}

#[test]
fn a_dropped_listener_lets_its_sink_go() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (recorder, heard) = recorder();
    let listener = block_on(bed.transport.listen(&topic, 0, recorder)).expect("a listener");
    let start = Instant::now();
    drop(listener);
    assert!(
        start.elapsed() < Duration::from_millis(50),
        "dropping blocks nobody"
    );
    // Ends only when the sender is gone, and with it the thread that held it.
    while heard.0.recv_timeout(SOON).is_ok() {}
    assert!(start.elapsed() < SOON);
}

#[test]
fn deleted_records_are_a_gap_and_the_rest_is_read() {
    let Some(bed) = Bed::real() else { return };
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    // Small batches, so that the listener is still busy with the first when the others go.
    let (slow, listened) = recorder();
    let gate = Arc::new(crate::transport::kafka::client::latch::Latch::default());
    let sink = Arc::new(Slow {
        recorder: slow,
        gate: Arc::clone(&gate),
    });
    let narrow = Kafka::new(bed.kafka.0.brokers())
        .set("fetch.message.max.bytes", "1000")
        .set("queued.max.messages.kbytes", "1")
        .set("queued.min.messages", "1")
        .open()
        .expect("fine");
    let _listener = block_on(narrow.listen(&topic, 0, sink)).expect("a listener");
    for _ in 0..50 {
        append(&*producer, &heard, &topic, 0, &[1; 900]);
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(50))
        .expect("an offset");
    block_on(bed.admin().delete_records(&list, &AdminOptions::new())).expect("deleted");
    gate.open();
    let lost = listened.gap().expect("the offsets tell");
    assert!((1..50).contains(&lost), "{lost}");
    append(&*producer, &heard, &topic, 0, b"after");
    assert_eq!(listened.value(), b"after");
}

struct Slow {
    recorder: Arc<Recorder>,
    gate: Arc<crate::transport::kafka::client::latch::Latch>,
}

impl ListenerSink for Slow {
    fn record(&self, record: Incoming<'_>) {
        self.gate.wait(SOON);
        if record.offset >= 50 {
            ListenerSink::record(&*self.recorder, record);
        }
    }

    fn gap(&self, lost: Option<u64>) {
        self.recorder.gap(lost);
    }

    fn trouble(&self, error: TransportError) {
        ListenerSink::trouble(&*self.recorder, error);
    }
}

#[test]
fn a_re_created_topic_is_a_gap_and_is_read_from_its_start() {
    let Some(bed) = Bed::real() else { return };
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    let (recorder, listened) = recorder();
    let _listener = block_on(bed.transport.listen(&topic, 0, recorder)).expect("a listener");
    for value in [b"a", b"b", b"c"] {
        append(&*producer, &heard, &topic, 0, value);
        assert_eq!(listened.value(), value);
    }
    bed.delete(&[&topic]);
    bed.create(&topic, 1);
    let created = Instant::now();
    // Through another producer, so that this test is about the listener alone.
    let (fresh, reports) = bed.producer();
    append(&*fresh, &reports, &topic, 0, b"new");
    assert_eq!(listened.gap(), None);
    assert_eq!(listened.value(), b"new");
    assert!(
        created.elapsed() < Duration::from_secs(8),
        "{:?}",
        created.elapsed()
    );

    // The first producer finds its way too.
    let arrives = || {
        producer.produce(record(&topic, 0, b"again"), 3).is_ok()
            && matches!(heard.delivery(), (3, Delivery::Persisted))
    };
    while !arrives() {
        assert!(created.elapsed() < Duration::from_secs(15), "still refused");
        std::thread::yield_now();
    }
    assert_eq!(listened.value(), b"again");
}

#[test]
fn an_outage_is_survived_without_a_loss() {
    let bed = Bed::new();
    if bed.real {
        return; // A real broker can't be taken down by the transport's own means.
    }
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    let (recorder, listened) = recorder();
    let _listener = block_on(bed.transport.listen(&topic, 0, recorder)).expect("a listener");
    append(&*producer, &heard, &topic, 0, b"before");
    assert_eq!(listened.value(), b"before");
    let mock = bed.kafka.0.embedded().expect("embedded").client();
    let cluster = mock.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("goes down");
    let error = listened.wait("trouble", |event| match event {
        Event::Trouble(error) => Some(error),
        _ => None,
    });
    assert_eq!(error.kind, Kind::Unavailable);
    producer
        .produce(record(&topic, 0, b"meanwhile"), 9)
        .expect("taken");
    cluster.broker_up(-1).expect("comes up");
    let healed = Instant::now();
    assert_eq!(listened.value(), b"meanwhile");
    assert!(
        healed.elapsed() < Duration::from_secs(5),
        "{:?}",
        healed.elapsed()
    );
}
