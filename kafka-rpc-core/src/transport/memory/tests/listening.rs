//! Listening without a group.

use crate::transport::TransportErrorKind;
use crate::transport::memory::Access;
use crate::transport::memory::tests::*;

#[tokio::test(start_paused = true)]
async fn hears_everything_from_the_moment_it_is_ready_and_nothing_before() {
    let broker = broker("t", 1);
    append(&broker, "t", 0, "before");
    let told = Told::new();
    let _listener = listen(&broker.main_node(), "t", &told).await;
    for value in ["a", "b", "c"] {
        append(&broker, "t", 0, value);
    }
    settle().await;
    assert_eq!(told.take(), ["0@1 a", "0@2 b", "0@3 c"]);
    append(&broker, "t", 0, "d");
    settle().await;
    assert_eq!(told.take(), ["0@4 d"]);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_batch_arrives_in_order() {
    let broker = broker("t", 1);
    let told = Told::new();
    let _listener = listen(&broker.main_node(), "t", &told).await;
    for number in 0..1000 {
        append(&broker, "t", 0, &number.to_string());
    }
    settle().await;
    let expected: Vec<_> = (0..1000).map(|n| format!("0@{n} {n}")).collect();
    assert_eq!(told.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_listener_hears_nothing_more() {
    let broker = broker("t", 1);
    let told = Told::new();
    drop(listen(&broker.main_node(), "t", &told).await);
    append(&broker, "t", 0, "a");
    settle().await;
    assert!(told.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn needs_a_topic_with_that_partition() {
    let broker = broker("t", 1);
    let transport = transport(&broker.main_node());
    for (topic, partition) in [("t", 1), ("u", 0)] {
        let listening = transport.listen(topic, partition, Told::new()).await;
        assert_eq!(
            listening.err().unwrap().kind,
            TransportErrorKind::UnknownTopic
        );
    }
}

#[tokio::test(start_paused = true)]
async fn truncation_is_a_gap_of_known_size() {
    let broker = broker("t", 1);
    let told = Told::new();
    let _listener = listen(&broker.main_node(), "t", &told).await;
    broker.faults().hold("t").unwrap();
    for value in ["a", "b", "c"] {
        append(&broker, "t", 0, value);
    }
    broker.faults().truncate("t", 0, 2).unwrap();
    broker.faults().release("t").unwrap();
    settle().await;
    assert_eq!(told.take(), ["gap Some(2)", "0@2 c"]);
    assert_eq!(broker.watermarks("t", 0).unwrap(), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_full_log_lets_its_oldest_records_go() {
    let broker = broker("t", 1);
    broker.set_max_log_bytes(1000);
    for _ in 0..100 {
        append(&broker, "t", 0, "0123456789");
    }
    let (low, high) = broker.watermarks("t", 0).unwrap();
    assert_eq!(high, 100);
    assert!((90..100).contains(&low), "{low}");
}

#[tokio::test(start_paused = true)]
async fn a_recreated_topic_is_a_gap_of_unknown_size() {
    let broker = broker("t", 1);
    append(&broker, "t", 0, "old");
    let told = Told::new();
    let _listener = listen(&broker.main_node(), "t", &told).await;
    broker.faults().recreate_topic("t").unwrap();
    append(&broker, "t", 0, "new");
    settle().await;
    assert_eq!(told.take(), ["gap None", "0@0 new"]);
    append(&broker, "t", 0, "newer");
    settle().await;
    assert_eq!(told.take(), ["0@1 newer"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_topic_is_trouble_until_it_is_back() {
    let broker = broker("t", 1);
    let told = Told::new();
    let _listener = listen(&broker.main_node(), "t", &told).await;
    broker.faults().delete_topic("t").unwrap();
    settle().await;
    settle().await;
    assert_eq!(told.take(), ["trouble UnknownTopic"]);
    broker.create_topic("t", 1).unwrap();
    append(&broker, "t", 0, "new");
    settle().await;
    assert_eq!(told.take(), ["gap None", "0@0 new"]);
}

#[tokio::test(start_paused = true)]
async fn held_records_come_as_they_are_let_through() {
    let broker = broker("t", 1);
    let told = Told::new();
    let _listener = listen(&broker.main_node(), "t", &told).await;
    broker.faults().hold("t").unwrap();
    for value in ["a", "b", "c"] {
        append(&broker, "t", 0, value);
    }
    settle().await;
    assert!(told.take().is_empty());
    broker.faults().let_through("t", 0, 1).unwrap();
    settle().await;
    assert_eq!(told.take(), ["0@0 a"]);
    broker.faults().release("t").unwrap();
    settle().await;
    assert_eq!(told.take(), ["0@1 b", "0@2 c"]);
}

#[tokio::test(start_paused = true)]
async fn denied_reading_is_refused_and_later_trouble() {
    let broker = broker("t", 1);
    let told = Told::new();
    let node = broker.main_node();
    let _listener = listen(&node, "t", &told).await;
    broker.faults().deny("t", Access::Read);
    let refused = transport(&node).listen("t", 0, Told::new()).await;
    assert_eq!(
        refused.err().unwrap().kind,
        TransportErrorKind::PermissionDenied
    );
    append(&broker, "t", 0, "a");
    settle().await;
    assert_eq!(told.take(), ["trouble PermissionDenied"]);
    broker.faults().allow("t", Access::Read);
    settle().await;
    assert_eq!(told.take(), ["0@0 a"]);
}
