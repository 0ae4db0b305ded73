use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::transport::kafka::tests::*;
use crate::transport::{TopicsSink, TransportErrorKind as Kind};

#[test]
fn a_topic_is_counted_and_a_missing_one_is_not_created() {
    let bed = Bed::new();
    let topic = bed.topic(3);
    assert_eq!(
        block_on(bed.transport.partitions(&topic, SOON)),
        Ok(Some(3))
    );
    for _ in 0..2 {
        let missing = block_on(bed.transport.partitions("kafka-rpc-test-missing", SOON));
        assert_eq!(missing, Ok(None));
    }
}

#[test]
fn creating_a_topic_again_changes_nothing() {
    let bed = Bed::new();
    let topic = bed.topic(3);
    bed.create(&topic, 5);
    assert_eq!(
        block_on(bed.transport.partitions(&topic, SOON)),
        Ok(Some(3))
    );
}

#[test]
fn names_that_kafka_forbids_are_refused() {
    let bed = Bed::new();
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a/b", "a b", "a\0b", "ä", long.as_str()] {
        let error = block_on(bed.transport.partitions(name, SOON)).expect_err(name);
        assert_eq!(error.kind, Kind::Configuration, "{name}");
    }
}

#[test]
fn a_denied_topic_is_told_from_a_missing_one() {
    let bed = Bed::new();
    if bed.real {
        return; // It has no access control.
    }
    let topic = bed.topic(1);
    let mock = bed.kafka.0.embedded().expect("embedded").client();
    mock.mock_cluster()
        .expect("a mock")
        .topic_error(
            &topic,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        )
        .expect("set");
    let error = block_on(bed.transport.partitions(&topic, SOON)).expect_err("denied");
    assert_eq!(error.kind, Kind::PermissionDenied);
    assert!(error.message.contains(&topic), "{error}");
}

#[test]
fn a_denied_record_is_certainly_not_in_the_log() {
    let bed = Bed::new();
    if bed.real {
        return; // It has no access control.
    }
    let topic = bed.topic(1);
    let (producer, heard) = bed.producer();
    append(&*producer, &heard, &topic, 0, b"first");
    let mock = bed.kafka.0.embedded().expect("embedded").client();
    mock.mock_cluster().expect("a mock").request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED],
    );
    producer
        .produce(record(&topic, 0, b"second"), 2)
        .expect("taken");
    match heard.delivery() {
        (2, Delivery::NotPersisted(error)) => assert_eq!(error.kind, Kind::PermissionDenied),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_embedded_cluster_outlives_its_handle() {
    let kafka = Kafka::embedded().expect("starts");
    let transport = kafka.open().expect("fine");
    drop(kafka);
    assert_eq!(block_on(transport.partitions("any", SOON)), Ok(None));
}

/// What a watch tells.
struct Told {
    topics: Vec<String>,
    said: Mutex<mpsc::Sender<Result<(String, u32), Kind>>>,
}

impl TopicsSink for Told {
    fn topics(&self) -> Vec<String> {
        self.topics.clone()
    }

    fn has(&self, topic: &str, partitions: u32) {
        // In vain, once the test has heard enough.
        let _ = lock(&self.said).send(Ok((topic.to_owned(), partitions)));
    }

    fn trouble(&self, error: TransportError) {
        let _ = lock(&self.said).send(Err(error.kind));
    }
}

#[test]
fn a_watch_tells_of_all_its_topics_and_creates_none() {
    let bed = Bed::new();
    let (one, three) = (bed.topic(1), bed.topic(3));
    let missing = "kafka-rpc-test-missing".to_owned();
    let (said, heard) = mpsc::channel();
    let sink = Arc::new(Told {
        topics: vec![one.clone(), missing.clone(), three.clone()],
        said: Mutex::new(said),
    });
    let (producer, _) = bed.producer();
    let watch = producer.watch(Duration::from_millis(20), sink);
    let watch = watch.expect("it starts");
    for _ in 0..3 {
        for expected in [(&one, 1), (&three, 3)] {
            let told = heard.recv_timeout(SOON).expect("told").expect("no trouble");
            assert_eq!((&told.0, told.1), expected);
        }
    }
    assert_eq!(block_on(bed.transport.partitions(&missing, SOON)), Ok(None));
    drop(watch);
    // Ends once the watch's thread has let go of the sink.
    while heard.recv().is_ok() {}
}

#[test]
fn a_watch_goes_on_when_the_brokers_are_back() {
    let bed = Bed::embedded();
    let topic = bed.topic(2);
    let (said, heard) = mpsc::channel();
    let sink = Arc::new(Told {
        topics: vec![topic.clone()],
        said: Mutex::new(said),
    });
    let (producer, _) = bed.producer();
    let watch = producer.watch(Duration::from_millis(20), sink);
    let _watch = watch.expect("it starts");
    let until = |awaited: Result<(String, u32), Kind>| {
        while heard.recv_timeout(SOON).expect("told") != awaited {}
    };
    until(Ok((topic.clone(), 2)));
    let mock = bed.kafka.0.embedded().expect("embedded").client();
    let cluster = mock.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("down");
    until(Err(Kind::Unavailable));
    cluster.broker_up(-1).expect("up");
    until(Ok((topic, 2)));
}
