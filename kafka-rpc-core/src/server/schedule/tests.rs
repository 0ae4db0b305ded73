#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use crate::server::schedule::*;

fn lane(partition: u32, key: &[u8]) -> Option<Lane> {
    Ordering::ByKey.lane(partition, Some(key))
}

#[test]
fn lanes_follow_the_ordering() {
    let key = Some(&b"k"[..]);
    assert_eq!(Ordering::Unordered.lane(1, key), None);
    assert_eq!(Ordering::ByKey.lane(1, None), None);
    assert_eq!(Ordering::ByKey.lane(1, key), Ordering::ByKey.lane(1, key));
    assert_ne!(Ordering::ByKey.lane(1, key), Ordering::ByKey.lane(2, key));
    assert_eq!(
        Ordering::ByPartition.lane(1, key),
        Ordering::ByPartition.lane(1, None)
    );
}

#[test]
fn one_of_a_lane_at_a_time_and_the_others_pass_it() {
    let mut schedule = Schedule::new(8);
    schedule.push(0, lane(0, b"a"), "a1");
    schedule.push(0, lane(0, b"a"), "a2");
    schedule.push(0, lane(0, b"b"), "b1");
    let (first, job) = schedule.start().unwrap();
    assert_eq!(job, "a1");
    let (second, job) = schedule.start().unwrap();
    assert_eq!(job, "b1");
    assert!(schedule.start().is_none());
    schedule.finished(first);
    let (third, job) = schedule.start().unwrap();
    assert_eq!(job, "a2");
    schedule.finished(second);
    schedule.finished(third);
    assert_eq!((schedule.running(), schedule.queued()), (0, 0));
    assert!(schedule.lanes.is_empty());
}

#[test]
fn removing_the_first_of_a_lane_lets_the_next_go() {
    let mut schedule = Schedule::new(1);
    let first = schedule.push(0, lane(0, b"a"), 1);
    let second = schedule.push(0, lane(0, b"a"), 2);
    let third = schedule.push(0, lane(0, b"a"), 3);
    assert_eq!(schedule.remove(&second), Some(2));
    assert_eq!(schedule.remove(&second), None);
    assert_eq!(schedule.remove(&first), Some(1));
    let (slot, job) = schedule.start().unwrap();
    assert_eq!(job, 3);
    assert_eq!(schedule.remove(&third), None, "it runs");
    schedule.finished(slot);
    assert!(schedule.lanes.is_empty());
}

#[test]
fn a_discarded_partition_leaves_the_running_and_the_others() {
    let mut schedule = Schedule::new(1);
    schedule.push(0, lane(0, b"a"), 1);
    let (slot, _) = schedule.start().unwrap();
    schedule.push(0, lane(0, b"a"), 2);
    schedule.push(0, None, 3);
    schedule.push(1, None, 4);
    schedule.push(0, lane(0, b"c"), 5);
    schedule.push(0, lane(0, b"c"), 6);
    let mut gone = schedule.discard(&[0]);
    gone.sort_unstable();
    assert_eq!(gone, [2, 3, 5, 6]);
    assert_eq!((schedule.running(), schedule.queued()), (1, 1));
    schedule.finished(slot);
    assert_eq!(schedule.start().unwrap().1, 4);
    assert!(schedule.lanes.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Push(u32, Option<u8>),
    Start,
    Finish(prop::sample::Index),
    Remove(prop::sample::Index),
    Discard(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u32, prop::option::of(0..4_u8)).prop_map(|(p, k)| Step::Push(p, k)),
        3 => Just(Step::Start),
        3 => any::<prop::sample::Index>().prop_map(Step::Finish),
        1 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => (0..3_u32).prop_map(Step::Discard),
    ];
    prop::collection::vec(step, 1..300)
}

proptest! {
    /// Whatever happens: no two of a lane at once, a lane's jobs start in the order of arrival,
    /// never more than the bound, nothing lost, nothing started twice, no idle slot while a job
    /// could run.
    #[test]
    fn keeps_its_promises(
        steps in steps(),
        concurrency in 1..5_usize,
        ordering in prop::sample::select(vec![
            Ordering::ByKey, Ordering::ByPartition, Ordering::Unordered,
        ]),
    ) {
        let mut schedule = Schedule::new(concurrency);
        let mut next = 0_u32;
        let mut waiting: Vec<(u32, u32, Option<Lane>, Place)> = Vec::new();
        let mut running: Vec<(Option<Lane>, Slot)> = Vec::new();
        let mut last_started: HashMap<Lane, u32> = HashMap::new();
        for step in steps {
            match step {
                Step::Push(partition, key) => {
                    let key = key.map(|key| [key]);
                    let lane = ordering.lane(partition, key.as_ref().map(|key| &key[..]));
                    let place = schedule.push(partition, lane.clone(), next);
                    waiting.push((next, partition, lane, place));
                    next += 1;
                }
                Step::Start => match schedule.start() {
                    Some((slot, job)) => {
                        let at = waiting.iter().position(|(id, ..)| *id == job).unwrap();
                        let (_, _, lane, _) = waiting.remove(at);
                        if let Some(lane) = &lane {
                            prop_assert!(running.iter().all(|(other, _)| other.as_ref() != Some(lane)));
                            prop_assert!(last_started.get(lane).is_none_or(|last| *last < job));
                            last_started.insert(lane.clone(), job);
                        }
                        running.push((lane, slot));
                        prop_assert!(running.len() <= concurrency);
                    }
                    None => {
                        let busy: HashSet<_> = running.iter().filter_map(|(lane, _)| lane.clone()).collect();
                        prop_assert!(
                            running.len() == concurrency
                                || waiting.iter().all(|(_, _, lane, _)| lane.as_ref().is_some_and(|lane| busy.contains(lane)))
                        );
                    }
                },
                Step::Finish(pick) if !running.is_empty() => {
                    let (_, slot) = running.swap_remove(pick.index(running.len()));
                    schedule.finished(slot);
                }
                Step::Remove(pick) if !waiting.is_empty() => {
                    let (id, _, _, place) = waiting.remove(pick.index(waiting.len()));
                    prop_assert_eq!(schedule.remove(&place), Some(id));
                }
                Step::Discard(partition) => {
                    let mut gone = schedule.discard(&[partition]);
                    gone.sort_unstable();
                    let expected: Vec<u32> = waiting.iter().filter(|(_, p, ..)| *p == partition).map(|(id, ..)| *id).collect();
                    waiting.retain(|(_, p, ..)| *p != partition);
                    prop_assert_eq!(gone, expected);
                }
                Step::Finish(_) | Step::Remove(_) => {}
            }
            prop_assert_eq!(schedule.queued(), waiting.len());
            prop_assert_eq!(schedule.running(), running.len());
        }
        // Everything that still waits can be run to its end, and nothing stays behind.
        loop {
            for (_, slot) in running.drain(..) {
                schedule.finished(slot);
            }
            let Some((slot, job)) = schedule.start() else { break };
            waiting.retain(|(id, ..)| *id != job);
            running.push((None, slot));
        }
        prop_assert!(waiting.is_empty());
        prop_assert!(schedule.lanes.is_empty());
    }
}
