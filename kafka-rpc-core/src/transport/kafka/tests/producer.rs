use crate::transport::TransportErrorKind as Kind;
use crate::transport::kafka::tests::*;

#[test]
fn a_record_arrives_with_everything_that_it_carries() {
    let bed = Bed::new();
    let topic = bed.topic(2);
    let (recorder, listened) = recorder();
    let _listener = block_on(bed.transport.listen(&topic, 1, recorder)).expect("a listener");
    let (producer, heard) = bed.producer();
    let headers = [
        ("traceparent".to_owned(), b"00-01".to_vec()),
        ("empty".to_owned(), Vec::new()),
    ];
    let timestamp_ms = now_ms();
    let record = Record {
        topic: &topic,
        partition: 1,
        key: Some(b"key"),
        value: b"value",
        headers: &headers,
        timestamp_ms,
        urgent: true,
    };
    producer
        .produce(record, crate::transport::MAX_TOKEN)
        .expect("taken");
    assert!(matches!(
        heard.delivery(),
        (crate::transport::MAX_TOKEN, Delivery::Persisted)
    ));
    assert_eq!(
        listened.record(),
        Read {
            partition: 1,
            offset: 0,
            timestamp_ms,
            key: Some(b"key".to_vec()),
            value: Some(b"value".to_vec()),
            headers: headers.to_vec(),
        }
    );
}

#[test]
fn a_record_above_the_limit_is_refused_at_once() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, _heard) = bed.producer();
    let error = producer
        .produce(record(&topic, 0, &vec![0; 2_000_000]), 1)
        .expect_err("too large");
    assert_eq!(error.kind, Kind::TooLarge);
}

#[test]
fn a_partition_that_does_not_exist_fails_fast() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    let start = Instant::now();
    let error = match producer.produce(record(&topic, 5, b"lost"), 1) {
        Err(error) => error,
        Ok(()) => match heard.delivery() {
            (1, Delivery::NotPersisted(error)) => error,
            other => panic!("{other:?}"),
        },
    };
    assert_eq!(error.kind, Kind::UnknownTopic);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_topic_that_does_not_exist_fails_fast_and_works_once_it_is_there() {
    let bed = Bed::new();
    let (producer, heard) = bed.producer();
    let name = format!("kafka-rpc-test-{:016x}", fastrand::u64(..));
    let start = Instant::now();
    let error = match producer.produce(record(&name, 0, b"lost"), 1) {
        Err(error) => error,
        Ok(()) => match heard.delivery() {
            (1, Delivery::NotPersisted(error)) => error,
            other => panic!("{other:?}"),
        },
    };
    assert_eq!(error.kind, Kind::UnknownTopic);
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );

    bed.create(&name, 1);
    lock(&bed.topics).push(name.clone());
    let created = Instant::now();
    let arrived = |producer: &dyn Producer| {
        producer.produce(record(&name, 0, b"found"), 2).is_ok()
            && matches!(heard.delivery(), (2, Delivery::Persisted))
    };
    while !arrived(&*producer) {
        assert!(created.elapsed() < Duration::from_secs(8), "still refused");
        std::thread::yield_now();
    }
}

#[test]
fn flush_ends_when_everything_is_delivered() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    for token in 0..1000 {
        producer
            .produce(record(&topic, 0, b"value"), token)
            .expect("taken");
    }
    block_on(producer.flush(SOON));
    let delivered = heard
        .0
        .try_iter()
        .filter(|event| matches!(event, Event::Delivered(_, Delivery::Persisted)))
        .count();
    assert_eq!(delivered, 1000);
    let start = Instant::now();
    block_on(producer.flush(SOON));
    assert!(
        start.elapsed() < Duration::from_millis(50),
        "nothing is outstanding"
    );
}

#[test]
fn a_closed_producer_reports_what_it_gives_up() {
    let bed = Bed::new();
    if bed.real {
        return; // A real broker can't be taken down by the transport's own means.
    }
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    append(&*producer, &heard, &topic, 0, b"first");
    let mock = bed.kafka.0.embedded().expect("embedded").client();
    mock.mock_cluster()
        .expect("a mock")
        .broker_down(-1)
        .expect("goes down");
    for token in 0..10 {
        producer
            .produce(record(&topic, 0, b"value"), token)
            .expect("taken");
    }
    drop(producer);
    for _ in 0..10 {
        let (_, delivery) = heard.delivery();
        match delivery {
            Delivery::NotPersisted(error) | Delivery::Unknown(error) => {
                assert_eq!(error.kind, Kind::Closed, "{error}");
            }
            Delivery::Persisted => panic!("the broker is down"),
        }
    }
}

#[test]
fn the_first_record_pays_no_connecting() {
    let bed = Bed::new();
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    let start = Instant::now();
    append(&*producer, &heard, &topic, 0, b"first");
    let first = start.elapsed();
    assert!(first < Duration::from_millis(300), "{first:?}");
}

#[test]
fn nobody_there_is_unavailable() {
    // A port that was just given to us and given back has most likely no owner.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let transport = Kafka::new(format!("127.0.0.1:{port}"))
        .open()
        .expect("fine");
    let start = Instant::now();
    let error = block_on(transport.partitions("any", Duration::from_secs(1))).expect_err("nobody");
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.message.contains("refused"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3));
}
