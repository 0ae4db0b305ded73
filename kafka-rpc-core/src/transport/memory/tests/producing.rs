//! Producing, and the outcomes of records.

use crate::transport::TransportErrorKind;
use crate::transport::memory::tests::*;
use crate::transport::memory::{Access, Fate};

#[tokio::test(start_paused = true)]
async fn reports_each_record_once_and_in_order_and_never_from_within() {
    let broker = broker("t", 1);
    let told = Told::new();
    let producer = producer(&broker.main_node(), &told).await;
    produce(&producer, "t", "a", 7).unwrap();
    produce(&producer, "t", "b", 8).unwrap();
    assert!(told.take().is_empty());
    assert_eq!(values(&broker, "t", 0), ["a", "b"]);
    producer.flush(Duration::from_secs(1)).await;
    assert_eq!(told.take(), ["7 persisted", "8 persisted"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_keeps_all_its_parts() {
    let broker = broker("t", 3);
    let producer = producer(&broker.main_node(), &Told::new()).await;
    let record = Record {
        topic: "t",
        partition: 2,
        key: Some(b"k"),
        value: b"v",
        headers: &[("h".to_owned(), b"x".to_vec())],
        timestamp_ms: 42,
        urgent: true,
    };
    producer.produce(record, 1).unwrap();
    let stored = MemoryRecord {
        key: Some(b"k".to_vec()),
        value: Some(b"v".to_vec()),
        headers: vec![("h".to_owned(), b"x".to_vec())],
        timestamp_ms: 42,
    };
    assert_eq!(broker.records("t", 2).unwrap(), [stored]);
}

#[tokio::test(start_paused = true)]
async fn refuses_at_once_what_can_not_be_sent() {
    let broker = broker("t", 1);
    let told = Told::new();
    let producer = producer(&broker.main_node(), &told).await;
    let kind = |topic, value| produce(&producer, topic, value, 1).unwrap_err().kind;
    assert_eq!(kind("u", "x"), TransportErrorKind::UnknownTopic);
    let large = "x".repeat(1_000_000);
    assert_eq!(kind("t", &large), TransportErrorKind::TooLarge);
    produce(&producer, "t", &large[..999_900], 2).unwrap();
    broker
        .faults()
        .next_produced("t", Fate::Refused(TransportErrorKind::QueueFull), 1)
        .unwrap();
    assert_eq!(kind("t", "x"), TransportErrorKind::QueueFull);
    settle().await;
    assert_eq!(told.take(), ["2 persisted"]);
}

#[tokio::test(start_paused = true)]
async fn fates_are_what_they_say() {
    let broker = broker("t", 1);
    let told = Told::new();
    let producer = producer(&broker.main_node(), &told).await;
    let unavailable = Fate::NotPersisted(TransportErrorKind::Unavailable);
    for fate in [unavailable, Fate::Lost, Fate::Unacknowledged] {
        broker.faults().next_produced("t", fate, 1).unwrap();
    }
    for (token, value) in (1..).zip(["refused", "lost", "stored", "fine"]) {
        produce(&producer, "t", value, token).unwrap();
    }
    settle().await;
    assert_eq!(
        told.take(),
        [
            "1 not persisted Unavailable",
            "2 unknown Unavailable",
            "3 unknown Unavailable",
            "4 persisted"
        ]
    );
    assert_eq!(values(&broker, "t", 0), ["stored", "fine"]);
}

#[tokio::test(start_paused = true)]
async fn denied_writing_is_certainly_not_stored() {
    let broker = broker("t", 1);
    let told = Told::new();
    let producer = producer(&broker.main_node(), &told).await;
    broker.faults().deny("t", Access::Write);
    produce(&producer, "t", "a", 1).unwrap();
    broker.faults().allow("t", Access::Write);
    produce(&producer, "t", "b", 2).unwrap();
    settle().await;
    assert_eq!(
        told.take(),
        ["1 not persisted PermissionDenied", "2 persisted"]
    );
    assert_eq!(values(&broker, "t", 0), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_stored_twice_and_reported_once() {
    let broker = broker("t", 1);
    let told = Told::new();
    let producer = producer(&broker.main_node(), &told).await;
    broker.faults().duplicate_next("t", 1).unwrap();
    produce(&producer, "t", "a", 1).unwrap();
    produce(&producer, "t", "b", 2).unwrap();
    settle().await;
    assert_eq!(told.take(), ["1 persisted", "2 persisted"]);
    assert_eq!(values(&broker, "t", 0), ["a", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_producer_still_reports() {
    let broker = broker("t", 1);
    let node = broker.node("n");
    let told = Told::new();
    let producer = producer(&node, &told).await;
    produce(&producer, "t", "a", 1).unwrap();
    settle().await;
    node.cut_off(None);
    produce(&producer, "t", "b", 2).unwrap();
    drop(producer);
    settle().await;
    node.heal();
    settle().await;
    assert_eq!(told.take(), ["1 persisted", "2 not persisted Closed"]);
    assert_eq!(values(&broker, "t", 0), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn flush_gives_up_after_its_patience() {
    let broker = broker("t", 1);
    let node = broker.node("n");
    let told = Told::new();
    let producer = producer(&node, &told).await;
    node.cut_off(None);
    produce(&producer, "t", "a", 1).unwrap();
    let start = tokio::time::Instant::now();
    producer.flush(Duration::from_secs(3)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    node.heal();
    producer.flush(Duration::from_secs(3)).await;
    assert_eq!(told.take(), ["1 persisted"]);
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_sink_may_produce() {
    struct Again(Mutex<Option<Arc<dyn Producer>>>);
    impl DeliverySink for Again {
        fn delivered(&self, token: u64, _: Delivery) {
            if token < 1000 {
                let producer = lock(&self.0).clone().unwrap();
                produce(&producer, "t", "x", token + 1).unwrap();
            }
        }
    }
    let broker = broker("t", 1);
    let again = Arc::new(Again(Mutex::default()));
    let sink = Arc::clone(&again) as _;
    let producer = transport(&broker.main_node())
        .producer(Duplicates::Never, sink)
        .await
        .unwrap();
    *lock(&again.0) = Some(Arc::clone(&producer));
    produce(&producer, "t", "x", 1).unwrap();
    settle().await;
    assert_eq!(broker.watermarks("t", 0).unwrap(), (0, 1000));
    *lock(&again.0) = None;
}
