//! Processes that freeze, crash, and are cut off.

use crate::transport::TransportErrorKind;
use crate::transport::memory::Fate;
use crate::transport::memory::tests::*;

#[tokio::test(start_paused = true)]
async fn after_a_crash_another_member_takes_over_when_the_session_ends() {
    let broker = broker("t", 1);
    let (one, two) = (Told::new(), Told::new());
    let node = broker.node("one");
    let member = join(&node, "t", &one).await;
    for value in ["a", "b"] {
        append(&broker, "t", 0, value);
    }
    settle().await;
    commit(&member, &one, 0, 1).await;
    node.crash();
    commit(&member, &one, 0, 2).await;
    one.take();
    let _second = join(&broker.main_node(), "t", &two).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(two.take().is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(two.take(), ["assigned [(0, 2)]", "0@1 b"]);
    assert!(one.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_crash_loses_commits_that_were_held() {
    let broker = broker("t", 1);
    let node = broker.node("one");
    let told = Told::new();
    let member = join(&node, "t", &told).await;
    append(&broker, "t", 0, "a");
    settle().await;
    node.hold_commits();
    commit(&member, &told, 0, 1).await;
    assert_eq!(broker.committed("g", "t", 0), None);
    node.release_commits();
    assert_eq!(broker.committed("g", "t", 0), Some(1));
    node.hold_commits();
    commit(&member, &told, 0, 2).await;
    node.crash();
    node.release_commits();
    assert_eq!(broker.committed("g", "t", 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_crashed_process_is_silent() {
    let broker = broker("t", 1);
    let node = broker.node("one");
    let (listened, delivered) = (Told::new(), Told::new());
    let _listener = listen(&node, "t", &listened).await;
    let producer = producer(&node, &delivered).await;
    produce(&producer, "t", "a", 1).unwrap();
    node.crash();
    assert_eq!(
        produce(&producer, "t", "b", 2).unwrap_err().kind,
        TransportErrorKind::Closed
    );
    settle().await;
    assert!(listened.take().is_empty());
    assert!(delivered.take().is_empty());
    assert_eq!(values(&broker, "t", 0), ["a"]);
    let refused = transport(&node).listen("t", 0, Told::new()).await;
    assert_eq!(refused.err().unwrap().kind, TransportErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_process_goes_on_where_it_was() {
    let broker = broker("t", 1);
    let node = broker.node("one");
    let (joined, listened, delivered) = (Told::new(), Told::new(), Told::new());
    let member = join(&node, "t", &joined).await;
    let _listener = listen(&node, "t", &listened).await;
    let producer = producer(&node, &delivered).await;
    settle().await;
    joined.take();
    node.freeze();
    append(&broker, "t", 0, "a");
    produce(&producer, "t", "b", 1).unwrap();
    joined.done(0, 1, None);
    member.progressed();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(joined.take().is_empty());
    assert!(listened.take().is_empty());
    assert!(delivered.take().is_empty());
    assert_eq!(values(&broker, "t", 0), ["a"]);
    assert_eq!(broker.committed("g", "t", 0), None);
    node.thaw();
    settle().await;
    assert_eq!(joined.take(), ["0@0 a", "0@1 b"]);
    assert_eq!(listened.take(), ["0@0 a", "0@1 b"]);
    assert_eq!(delivered.take(), ["1 persisted"]);
    assert_eq!(broker.committed("g", "t", 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_zombie_learns_that_it_was_expelled_and_joins_again() {
    let broker = broker("t", 2);
    let (one, two) = (Told::new(), Told::new());
    let node = broker.node("one");
    let member = join(&node, "t", &one).await;
    let _second = join(&broker.main_node(), "t", &two).await;
    settle().await;
    one.take();
    two.take();
    node.freeze();
    one.done(0, 99, None);
    member.progressed();
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(two.take(), ["assigned [(0, 0)]"]);
    node.thaw();
    settle().await;
    assert_eq!(
        broker.committed("g", "t", 0),
        None,
        "a zombie's commit is fenced"
    );
    assert_eq!(one.take(), ["lost [0]", "assigned [(1, 0)]"]);
    assert_eq!(two.take(), ["revoked [1]"]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_cut_off_notices_that_its_session_has_ended() {
    let broker = broker("t", 1);
    let told = Told::new();
    let node = broker.node("one");
    let _member = join(&node, "t", &told).await;
    settle().await;
    told.take();
    node.cut_off(None);
    append(&broker, "t", 0, "a");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(told.take(), ["trouble Unavailable"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(told.take(), ["lost [0]"]);
    node.heal();
    settle().await;
    assert_eq!(told.take(), ["assigned [(0, 1)]", "0@0 a"]);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_of_a_member_that_is_cut_off_waits_for_it() {
    let broker = broker("t", 2);
    let (one, two) = (Told::new(), Told::new());
    let node = broker.node("one");
    let _first = join(&node, "t", &one).await;
    settle().await;
    node.cut_off(None);
    let _second = join(&broker.main_node(), "t", &two).await;
    one.take();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(one.take(), ["trouble Unavailable"]);
    assert!(two.take().is_empty(), "it can't have heard of it");
    node.heal();
    settle().await;
    assert_eq!(one.take(), ["revoked [1]"]);
    assert_eq!(two.take(), ["assigned [(1, 0)]"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_produced_while_cut_off_waits_or_has_the_given_fate() {
    let broker = broker("t", 1);
    let told = Told::new();
    let node = broker.node("one");
    let producer = producer(&node, &told).await;
    node.cut_off(None);
    produce(&producer, "t", "a", 1).unwrap();
    settle().await;
    assert!(told.take().is_empty());
    node.heal();
    settle().await;
    assert_eq!(told.take(), ["1 persisted"]);
    node.cut_off(Some(Fate::Lost));
    produce(&producer, "t", "b", 2).unwrap();
    node.cut_off(Some(Fate::NotPersisted(TransportErrorKind::Unavailable)));
    produce(&producer, "t", "c", 3).unwrap();
    settle().await;
    assert_eq!(
        told.take(),
        ["2 unknown Unavailable", "3 not persisted Unavailable"]
    );
    assert_eq!(values(&broker, "t", 0), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_cut_off_catches_up() {
    let broker = broker("t", 1);
    let told = Told::new();
    let node = broker.node("one");
    let _listener = listen(&node, "t", &told).await;
    settle().await;
    node.cut_off(None);
    append(&broker, "t", 0, "a");
    settle().await;
    assert_eq!(told.take(), ["trouble Unavailable"]);
    node.heal();
    settle().await;
    assert_eq!(told.take(), ["0@0 a"]);
}

#[tokio::test(start_paused = true)]
async fn asking_a_broker_out_of_reach_fails_in_time() {
    let broker = broker("t", 1);
    let node = broker.node("one");
    let transport = transport(&node);
    node.cut_off(None);
    let start = tokio::time::Instant::now();
    let answer = transport.partitions("t", Duration::from_secs(2)).await;
    assert_eq!(answer.unwrap_err().kind, TransportErrorKind::Unavailable);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(
        transport
            .producer(Duplicates::Never, Told::new())
            .await
            .is_err()
    );
}
