//! What a consumer asks the group's coordinator and the partitions' leaders, and when it may be dropped.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::transport::Committed;
use crate::transport::kafka::ffi::tests::{Context, World, read};
use crate::transport::kafka::ffi::{Consumer, Found};
use crate::transport::kafka::tests::SOON;

#[test]
fn a_committer_works_for_its_own_consumer_only() {
    let world = World::new();
    let (first, _) = world.consumer(false);
    let committer = first.committer();
    let (second, _) = world.consumer(false);
    let reaches =
        |consumer: &Consumer<Context>| committer.with(consumer.client(), |_| ()).is_some();
    assert!(reaches(&first) && !reaches(&second));
    drop(first);
    assert!(!reaches(&second));
}

#[test]
fn a_committer_may_be_used_while_its_consumer_is_dropped_elsewhere() {
    let world = World::new();
    let other = world.client();
    for _ in 0..20 {
        let (consumer, _) = world.consumer(false);
        let committer = consumer.committer();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                for _ in 0..3_000 {
                    assert!(committer.with(&other, |_| ()).is_none());
                }
            });
            start.wait();
            drop(consumer);
        });
    }
}

#[test]
fn a_consumer_may_be_dropped_with_questions_under_way_and_answered() {
    let world = World::new();
    for round in 0..20 {
        let (mut consumer, alerts) = world.consumer(round == 0);
        for number in 0..=round {
            world.ask(&consumer, number);
        }
        if round % 3 == 0 {
            let until = Instant::now() + SOON;
            while consumer.positions().answer().is_none() {
                assert!(Instant::now() < until, "no answer came");
                consumer.poll(SOON, |_| ());
            }
        }
        drop(consumer);
        assert_eq!(Arc::strong_count(&alerts), 1);
    }
}

#[test]
fn a_consumer_may_be_dropped_with_questions_that_nobody_answers() {
    let world = World::new();
    let (consumer, _) = world.consumer(false);
    let cluster = world.bed.kafka.0.embedded().expect("embedded").client();
    let cluster = cluster.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("goes down");
    let positions = consumer.positions();
    positions.ask_committed(&world.partitions(Offset::Invalid), 1);
    positions.ask_ends(&world.partitions(Offset::End), 2);
    let start = Instant::now();
    drop(consumer);
    assert!(start.elapsed() < SOON / 2, "{:?}", start.elapsed());
}

/// The answers to one question of each kind.
fn answers(consumer: &mut Consumer<Context>) -> Vec<(usize, Found)> {
    let until = Instant::now() + SOON;
    let mut answers = Vec::new();
    while answers.len() < 2 {
        assert!(Instant::now() < until, "no answer came");
        // Were the wait not ended by an answer, this would take as long.
        consumer.poll(SOON, |_| ());
        while let Some(answer) = consumer.positions().answer() {
            answers.push((answer.number, answer.found));
        }
    }
    answers.sort_by_key(|(number, _)| *number);
    answers
}

#[test]
fn what_is_committed_and_where_partitions_end_is_found_whatever_else_is_written() {
    let world = World::new();
    let (producer, _) = world.producer();
    world.produce(&producer, 4);
    let (mut consumer, _) = world.consumer(false);
    for _ in 0..4 {
        read(&mut consumer);
    }
    let mut offsets = TopicPartitionList::new();
    for partition in [0, 1] {
        let mut element = offsets.add_partition(&world.topic, partition);
        element.set_offset(Offset::Offset(1)).expect("an offset");
        element.set_metadata("a note");
    }
    // The wrapper writes text only, which other programs needn't.
    // SAFETY: the list is alive and has two elements, with six bytes of metadata each.
    unsafe {
        let element = (*offsets.ptr()).elems.add(1);
        (*element).metadata.cast::<u8>().write(0xff);
    }
    consumer
        .client()
        .commit(&offsets, CommitMode::Sync)
        .expect("committed");
    let start = Instant::now();
    let positions = consumer.positions();
    positions.ask_committed(&world.partitions(Offset::Invalid), 7);
    positions.ask_ends(&world.partitions(Offset::End), 8);
    let answers = answers(&mut consumer);
    assert!(start.elapsed() < SOON / 2, "{:?}", start.elapsed());
    let [
        (7, Found::Committed(committed)),
        (8, Found::Ends(ends, None)),
    ] = &*answers
    else {
        panic!("{answers:?}");
    };
    let found = |note: &str| {
        Some(Committed {
            next: 1,
            note: Some(note.to_owned()),
        })
    };
    assert_eq!(
        *committed,
        [(0, found("a note")), (1, found("\u{fffd} note")), (2, None)].into()
    );
    assert_eq!(*ends, [(0, 2), (1, 1), (2, 1)].into());
}
