//! Consumer groups.

use crate::transport::memory::Access;
use crate::transport::memory::tests::*;
use crate::transport::{Lag, TransportErrorKind};

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
        ["assigned [(0, 1), (1, 2)]", "0@0 a", "1@0 b", "1@1 c"]
    );
    append(&broker, "t", 0, "d");
    settle().await;
    assert_eq!(told.take(), ["0@1 d"]);
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
    commit(&member, &told, 0, 1).await;
    assert_eq!(broker.committed("g", "t", 0), Some(1));
    told.done(0, 2, None);
    member.leave(Duration::from_secs(1)).await.unwrap();
    assert_eq!(
        told.take(),
        [
            "assigned [(0, 0)]",
            "0@0 a",
            "0@1 b",
            "0@2 c",
            "revoked [0]"
        ]
    );
    assert_eq!(broker.committed("g", "t", 0), Some(2));
    commit(&member, &told, 0, 3).await;
    assert_eq!(
        broker.committed("g", "t", 0),
        Some(2),
        "a commit after leaving is ignored"
    );

    let told = Told::new();
    let _member = join(&broker.main_node(), "t", &told).await;
    settle().await;
    assert_eq!(told.take(), ["assigned [(0, 3)]", "0@2 c"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_asked_for_every_200_ms_at_most() {
    let broker = broker("t", 1);
    let told = Told::new();
    let member = join(&broker.main_node(), "t", &told).await;
    settle().await;
    told.done(0, 1, None);
    settle().await;
    assert_eq!(broker.committed("g", "t", 0), None, "nobody said so");
    member.progressed();
    settle().await;
    assert_eq!(broker.committed("g", "t", 0), Some(1));
    told.done(0, 2, None);
    member.progressed();
    tokio::time::sleep(Duration::from_millis(190)).await;
    assert_eq!(broker.committed("g", "t", 0), Some(1));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(broker.committed("g", "t", 0), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_second_member_goes_on_after_the_last_commit_of_the_first_and_finds_its_note() {
    let broker = broker("t", 2);
    let (one, two) = (Told::new(), Told::new());
    let first = join(&broker.main_node(), "t", &one).await;
    append(&broker, "t", 1, "a");
    settle().await;
    one.done(1, 1, Some("what runs"));
    let _second = join(&broker.main_node(), "t", &two).await;
    append(&broker, "t", 1, "b");
    settle().await;
    assert_eq!(
        one.take(),
        ["assigned [(0, 0), (1, 0)]", "1@0 a", "revoked [1]"]
    );
    assert_eq!(
        two.take(),
        ["assigned [(1, 2)]", "note of 1: \"what runs\"", "1@1 b"]
    );
    commit(&first, &one, 1, 0).await;
    assert_eq!(
        broker.committed("g", "t", 1),
        Some(1),
        "it is the other member's now"
    );
    append(&broker, "t", 0, "c");
    settle().await;
    assert_eq!(one.take(), ["0@0 c"]);
}

#[tokio::test(start_paused = true)]
async fn what_another_program_wrote_beside_an_offset_arrives_as_it_is() {
    let broker = broker("t", 1);
    let long = "x".repeat(4_096);
    for note in ["plain text", "\u{1f980} kr1:", "", &long] {
        let (one, two) = (Told::new(), Told::new());
        let first = join(&broker.main_node(), "t", &one).await;
        settle().await;
        one.done(0, 0, Some(note));
        first.leave(Duration::from_secs(1)).await.unwrap();
        let second = join(&broker.main_node(), "t", &two).await;
        settle().await;
        let expected = format!("note of 0: {note:?}");
        assert_eq!(two.take(), ["assigned [(0, 0)]", &*expected]);
        second.leave(Duration::from_secs(1)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_note_that_is_too_long_is_left_out() {
    let broker = broker("t", 1);
    let (one, two) = (Told::new(), Told::new());
    let first = join(&broker.main_node(), "t", &one).await;
    append(&broker, "t", 0, "a");
    settle().await;
    one.done(0, 1, Some(&"x".repeat(4_097)));
    first.leave(Duration::from_secs(1)).await.unwrap();
    let _second = join(&broker.main_node(), "t", &two).await;
    settle().await;
    assert_eq!(two.take(), ["assigned [(0, 1)]"]);
}

#[tokio::test(start_paused = true)]
async fn a_last_commit_that_does_not_reach_the_broker_is_told() {
    let broker = broker("t", 2);
    let (one, two) = (Told::new(), Told::new());
    let node = broker.node("one");
    let _first = join(&node, "t", &one).await;
    append(&broker, "t", 1, "a");
    settle().await;
    one.take();
    node.hold_commits();
    one.done(1, 1, Some("what runs"));
    let _second = join(&broker.main_node(), "t", &two).await;
    settle().await;
    assert_eq!(one.take(), ["revoked [1]", "not handed over [1]"]);
    assert_eq!(two.take(), ["assigned [(1, 1)]", "1@0 a"]);
    node.release_commits();
    assert_eq!(
        broker.committed("g", "t", 1),
        None,
        "it would count against the next owner"
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_a_membership_leaves_in_the_background() {
    let broker = broker("t", 1);
    let (one, two) = (Told::new(), Told::new());
    let first = join(&broker.main_node(), "t", &one).await;
    settle().await;
    let _second = join(&broker.main_node(), "t", &two).await;
    settle().await;
    assert!(two.take().is_empty());
    drop(first);
    settle().await;
    assert_eq!(one.take(), ["assigned [(0, 0)]", "revoked [0]"]);
    assert_eq!(two.take(), ["assigned [(0, 0)]"]);
}

#[tokio::test(start_paused = true)]
async fn leaving_ends_with_its_patience_and_says_that_the_group_was_not_told() {
    let broker = broker("t", 1);
    let (one, two) = (Told::new(), Told::new());
    let node = broker.node("one");
    let first = join(&node, "t", &one).await;
    let _second = join(&broker.main_node(), "t", &two).await;
    settle().await;
    node.cut_off(None);
    let start = tokio::time::Instant::now();
    let error = first.leave(Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unavailable);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    settle().await;
    assert_eq!(two.take(), ["assigned [(0, 0)]"]);
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
    assert_eq!(told.take(), ["0@0 a"]);
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
    assert_eq!(lines.len(), 1002);
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
        ["assigned [(0, 0)]", "assigned [(1, 0), (2, 0)]", "2@0 a"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_recreated_topic_is_lost_and_assigned_again_without_its_commits() {
    let broker = broker("t", 1);
    let told = Told::new();
    let member = join(&broker.main_node(), "t", &told).await;
    append(&broker, "t", 0, "old");
    settle().await;
    commit(&member, &told, 0, 1).await;
    assert_eq!(broker.committed("g", "t", 0), Some(1));
    broker.faults().recreate_topic("t").unwrap();
    append(&broker, "t", 0, "new");
    settle().await;
    assert_eq!(
        told.take(),
        [
            "assigned [(0, 0)]",
            "0@0 old",
            "lost [0]",
            "assigned [(0, 0)]",
            "0@0 new"
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
    assert_eq!(told.take(), ["assigned [(0, 3)]", "0@2 c"]);
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
    first.leave(Duration::from_secs(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(other.take().is_empty());
    let second = transport
        .join(named.clone(), Arc::clone(&again) as _)
        .await
        .unwrap();
    settle().await;
    assert_eq!(again.take(), ["assigned [(0, 0)]"]);
    assert!(other.take().is_empty());

    second.leave(Duration::from_secs(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(other.take(), ["assigned [(0, 0)]"], "its session has ended");
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
        ["assigned [(0, 0)]", "lost [0]", "trouble Closed"]
    );
    assert_eq!(two.take(), ["assigned [(0, 0)]"]);
    let fenced = first.standing();
    assert!(fenced.accepted && fenced.fenced && fenced.progress.is_empty());
    assert!(!second.standing().fenced);

    // It goes on as a dynamic member: what the other one gives up is its own, without the name.
    second.leave(Duration::from_secs(1)).await.unwrap();
    // Its session ends, in which a static member may come back.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(one.take(), ["assigned [(0, 0)]"]);
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
    commit(&member, &told, 0, 0).await;
    let standing = member.standing();
    assert!(standing.accepted && standing.trouble.is_none());
    let progress = |partition, end, committed| Lag {
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
