//! Consumer groups.

use crate::transport::memory::Access;
use crate::transport::memory::tests::*;
use crate::transport::{Progress, TransportErrorKind};

#[tokio::test(start_paused = true)]
async fn starts_at_the_earliest_record_and_says_where_the_end_was() {
    let broker = broker("t", 2);
    append(&broker, "t", 0, "a");
    append(&broker, "t", 1, "b");
    append(&broker, "t", 1, "c");
    let told = Told::new();
    let _member = join(&broker.main_node(), "t", &told).await;
    settle().await;
    assert_eq!(
        told.take(),
        [
            "assigned [(0, 1), (1, 2)]",
            "0@0 a",
            "1@0 b",
            "1@1 c",
            "idle"
        ]
    );
    append(&broker, "t", 0, "d");
    settle().await;
    assert_eq!(told.take(), ["0@1 d", "idle"]);
}

#[tokio::test(start_paused = true)]
async fn resumes_at_the_commit() {
    let broker = broker("t", 1);
    let told = Told::new();
    let member = join(&broker.main_node(), "t", &told).await;
    for value in ["a", "b", "c"] {
        append(&broker, "t", 0, value);
    }
    settle().await;
    member.commit(0, 2);
    member.leave(Duration::from_secs(1)).await;
    assert_eq!(
        told.take(),
        [
            "assigned [(0, 0)]",
            "0@0 a",
            "0@1 b",
            "0@2 c",
            "idle",
            "revoked [0]"
        ]
    );
    assert_eq!(broker.committed("g", "t", 0), Some(2));
    member.commit(0, 3);
    assert_eq!(
        broker.committed("g", "t", 0),
        Some(2),
        "a commit after leaving is ignored"
    );

    let told = Told::new();
    let _member = join(&broker.main_node(), "t", &told).await;
    settle().await;
    assert_eq!(told.take(), ["assigned [(0, 3)]", "0@2 c", "idle"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_member_waits_for_the_release() {
    let broker = broker("t", 2);
    let (one, two) = (Told::keeping_releases(), Told::new());
    let first = join(&broker.main_node(), "t", &one).await;
    settle().await;
    let _second = join(&broker.main_node(), "t", &two).await;
    append(&broker, "t", 1, "a");
    settle().await;
    assert_eq!(
        one.take(),
        ["assigned [(0, 0), (1, 0)]", "idle", "revoked [1]", "idle"]
    );
    assert!(two.take().is_empty());
    first.commit(1, 1);
    one.release();
    append(&broker, "t", 1, "b");
    settle().await;
    assert_eq!(two.take(), ["assigned [(1, 1)]", "1@1 b", "idle"]);
    first.commit(1, 0);
    assert_eq!(
        broker.committed("g", "t", 1),
        Some(1),
        "it is the other member's now"
    );
    append(&broker, "t", 0, "c");
    settle().await;
    assert_eq!(one.take(), ["0@0 c", "idle"]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_never_comes_is_waited_for_so_long() {
    let broker = broker("t", 2);
    let (one, two) = (Told::keeping_releases(), Told::new());
    let _first = join(&broker.main_node(), "t", &one).await;
    settle().await;
    let _second = join(&broker.main_node(), "t", &two).await;
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert!(two.take().is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(two.take(), ["assigned [(1, 0)]", "idle"]);
    one.release();
    settle().await;
    assert!(two.take().is_empty(), "a late release changes nothing");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_membership_leaves_in_the_background() {
    let broker = broker("t", 1);
    let (one, two) = (Told::keeping_releases(), Told::new());
    let first = join(&broker.main_node(), "t", &one).await;
    settle().await;
    let _second = join(&broker.main_node(), "t", &two).await;
    settle().await;
    drop(first);
    settle().await;
    assert_eq!(
        one.take(),
        ["assigned [(0, 0)]", "idle", "revoked [0]", "idle"]
    );
    assert!(two.take().is_empty());
    one.release();
    settle().await;
    assert_eq!(two.take(), ["assigned [(0, 0)]", "idle"]);
}

#[tokio::test(start_paused = true)]
async fn leaving_ends_with_its_patience() {
    let broker = broker("t", 1);
    let (one, two) = (Told::keeping_releases(), Told::new());
    let first = join(&broker.main_node(), "t", &one).await;
    let _second = join(&broker.main_node(), "t", &two).await;
    settle().await;
    let start = tokio::time::Instant::now();
    first.leave(Duration::from_secs(2)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    settle().await;
    assert_eq!(two.take(), ["assigned [(0, 0)]", "idle"]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_member_gets_nothing_until_it_resumes() {
    let broker = broker("t", 1);
    let told = Told::new();
    let member = join(&broker.main_node(), "t", &told).await;
    settle().await;
    told.take();
    member.pause();
    append(&broker, "t", 0, "a");
    settle().await;
    assert!(told.take().is_empty());
    member.resume();
    settle().await;
    assert_eq!(told.take(), ["0@0 a", "idle"]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_partition_does_not_starve_another() {
    let broker = broker("t", 2);
    for _ in 0..1000 {
        append(&broker, "t", 0, "busy");
    }
    append(&broker, "t", 1, "quiet");
    let told = Told::new();
    let _member = join(&broker.main_node(), "t", &told).await;
    settle().await;
    let lines = told.take();
    let place = lines.iter().position(|line| line == "1@0 quiet").unwrap();
    assert!(place < 200, "{place}");
    assert_eq!(lines.len(), 1003);
}

#[tokio::test(start_paused = true)]
async fn added_partitions_are_assigned() {
    let broker = broker("t", 1);
    let told = Told::new();
    let _member = join(&broker.main_node(), "t", &told).await;
    settle().await;
    broker.faults().add_partitions("t", 3).unwrap();
    append(&broker, "t", 2, "a");
    settle().await;
    assert_eq!(
        told.take(),
        [
            "assigned [(0, 0)]",
            "idle",
            "assigned [(1, 0), (2, 0)]",
            "2@0 a",
            "idle"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_recreated_topic_is_lost_and_assigned_again_without_its_commits() {
    let broker = broker("t", 1);
    let told = Told::new();
    let member = join(&broker.main_node(), "t", &told).await;
    append(&broker, "t", 0, "old");
    settle().await;
    member.commit(0, 1);
    broker.faults().recreate_topic("t").unwrap();
    append(&broker, "t", 0, "new");
    settle().await;
    assert_eq!(
        told.take(),
        [
            "assigned [(0, 0)]",
            "0@0 old",
            "idle",
            "lost [0]",
            "assigned [(0, 0)]",
            "0@0 new",
            "idle"
        ]
    );
    assert_eq!(broker.committed("g", "t", 0), None);
}

#[tokio::test(start_paused = true)]
async fn a_truncated_partition_goes_on_at_the_earliest_record() {
    let broker = broker("t", 1);
    for value in ["a", "b", "c"] {
        append(&broker, "t", 0, value);
    }
    broker.faults().truncate("t", 0, 2).unwrap();
    let told = Told::new();
    let _member = join(&broker.main_node(), "t", &told).await;
    settle().await;
    assert_eq!(told.take(), ["assigned [(0, 3)]", "0@2 c", "idle"]);
}

#[tokio::test(start_paused = true)]
async fn a_static_member_keeps_its_partitions_over_a_restart() {
    let broker = broker("t", 2);
    let (one, other, again) = (Told::new(), Told::new(), Told::new());
    let transport = transport(&broker.main_node());
    let named = GroupOptions {
        instance: Some("one".to_owned()),
        ..options("t")
    };
    let first = transport
        .join(named.clone(), Arc::clone(&one) as _)
        .await
        .unwrap();
    let _other = join(&broker.main_node(), "t", &other).await;
    settle().await;
    other.take();
    first.leave(Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(other.take().is_empty());
    let second = transport
        .join(named.clone(), Arc::clone(&again) as _)
        .await
        .unwrap();
    settle().await;
    assert_eq!(again.take(), ["assigned [(0, 0)]", "idle"]);
    assert!(other.take().is_empty());

    second.leave(Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(
        other.take(),
        ["assigned [(0, 0)]", "idle"],
        "its session has ended"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_member_of_the_same_instance_name_fences_the_first() {
    let broker = broker("t", 1);
    let (one, two) = (Told::new(), Told::new());
    let transport = transport(&broker.main_node());
    let named = GroupOptions {
        instance: Some("one".to_owned()),
        ..options("t")
    };
    let first = transport
        .join(named.clone(), Arc::clone(&one) as _)
        .await
        .unwrap();
    settle().await;
    assert!(first.standing().accepted);
    let second = transport.join(named, Arc::clone(&two) as _).await.unwrap();
    settle().await;
    assert_eq!(
        one.take(),
        [
            "assigned [(0, 0)]",
            "idle",
            "lost [0]",
            "trouble Closed",
            "idle"
        ]
    );
    assert_eq!(two.take(), ["assigned [(0, 0)]", "idle"]);
    let fenced = first.standing();
    assert!(fenced.accepted && fenced.fenced && fenced.progress.is_empty());
    assert!(!second.standing().fenced);

    // It goes on as a dynamic member: what the other one gives up is its own, without the name.
    second.leave(Duration::from_secs(1)).await;
    // Its session ends, in which a static member may come back.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(one.take(), ["assigned [(0, 0)]", "idle"]);
    assert!(first.standing().fenced);
}

#[tokio::test(start_paused = true)]
async fn a_member_stands_as_well_as_its_process_is_connected() {
    let broker = broker("t", 2);
    let node = broker.node("one");
    let told = Told::new();
    let member = transport(&node)
        .join(options("t"), Arc::clone(&told) as _)
        .await
        .unwrap();
    settle().await;
    append(&broker, "t", 1, "x");
    settle().await;
    member.commit(0, 0);
    let standing = member.standing();
    assert!(standing.accepted && standing.trouble.is_none());
    let progress = |partition, end, committed| Progress {
        partition,
        end,
        committed,
    };
    assert_eq!(
        standing.progress,
        [progress(0, 0, Some(0)), progress(1, 1, None)]
    );
    node.cut_off(None);
    let cut = member.standing();
    let trouble = cut.trouble.unwrap();
    assert_eq!(trouble.kind, TransportErrorKind::Unavailable);
    node.heal();
    assert_eq!(member.standing().trouble, None);
    broker.faults().deny("t", Access::Read);
    let denied = member.standing().trouble.unwrap();
    assert_eq!(denied.kind, TransportErrorKind::PermissionDenied);
}

#[tokio::test(start_paused = true)]
async fn joining_needs_the_topic_and_the_right_to() {
    let broker = broker("t", 1);
    let transport = transport(&broker.main_node());
    let refused = transport.join(options("u"), Told::new()).await;
    assert_eq!(
        refused.err().unwrap().kind,
        TransportErrorKind::UnknownTopic
    );
    broker.faults().deny("t", Access::Group);
    let refused = transport.join(options("t"), Told::new()).await;
    assert_eq!(
        refused.err().unwrap().kind,
        TransportErrorKind::PermissionDenied
    );
}
