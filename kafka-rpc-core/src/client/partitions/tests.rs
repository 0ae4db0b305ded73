//! Calls in virtual time, to partitions that answer, or not.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use super::*;

const SECOND: i64 = 1_000_000_000;
const MS: i64 = SECOND / 1_000;

/// How a partition answers a call that is sent at this time: after so long, if at all.
type Answers = fn(partition: u32, at: i64, rng: &mut Rng) -> Option<i64>;

struct Simulation {
    partitions: Partitions,
    rng: Rng,
    answers: Answers,
    now: i64,
    calls: u64,
    /// When an answer comes, from where, and when its call was sent.
    coming: BinaryHeap<Reverse<(i64, u32, i64)>>,
    /// To which partitions calls that may go to any went, and when.
    chosen: Vec<(i64, u32)>,
}

impl Simulation {
    fn new(count: u32, answers: Answers) -> Self {
        Self {
            partitions: Partitions::new("commands", count, Instant::now()),
            rng: Rng::with_seed(7),
            answers,
            now: 0,
            calls: 0,
            coming: BinaryHeap::new(),
            chosen: Vec::new(),
        }
    }

    fn instant(&self, at: i64) -> Instant {
        self.partitions.origin + Duration::from_nanos(at.unsigned_abs())
    }

    /// Lets time pass, with the answers that come meanwhile.
    fn pass(&mut self, time: i64) {
        self.now += time;
        while let Some(&Reverse((at, partition, sent))) = self.coming.peek() {
            if at > self.now {
                break;
            }
            self.coming.pop();
            self.calls += 1;
            let timed = self.calls.is_multiple_of(64) || self.partitions.wants_times();
            let arrived = timed.then(|| self.instant(at));
            self.partitions.answered(partition, SentAt(sent), arrived);
        }
    }

    fn send(&mut self, partition: u32) -> SentAt {
        let sent = self.partitions.sent(partition, self.instant(self.now));
        if let Some(after) = (self.answers)(partition, self.now, &mut self.rng) {
            self.coming
                .push(Reverse((self.now + after, partition, self.now)));
        }
        sent
    }

    fn call(&mut self) -> (u32, SentAt) {
        let rng = &mut self.rng;
        let partition = self
            .partitions
            .choose_by(self.now, true, |below| rng.u32(..below));
        self.chosen.push((self.now, partition));
        (partition, self.send(partition))
    }

    /// So many calls a second until this time.
    fn run(&mut self, rate: i64, until: i64) {
        while self.now < until {
            self.call();
            self.pass(SECOND / rate);
        }
    }

    /// How many calls went to these partitions in this time, of how many.
    fn share(&self, from: i64, to: i64, of: impl Fn(u32) -> bool) -> (usize, usize) {
        let within = self.chosen.iter().filter(|(at, _)| (from..to).contains(at));
        let all: Vec<u32> = within.map(|(_, partition)| *partition).collect();
        (all.iter().filter(|one| of(**one)).count(), all.len())
    }
}

fn quick(rng: &mut Rng) -> Option<i64> {
    Some(rng.i64(MS..5 * MS))
}

#[test]
fn partitions_that_stop_answering_are_out_before_a_second_has_passed() {
    for (count, rate) in [(2, 500), (6, 500), (6, 50), (64, 2_000), (512, 20_000)] {
        // A third of them, or one of two.
        let mut simulation = Simulation::new(count, |partition, at, rng| {
            (at < 10 * SECOND || partition % 3 != 1)
                .then(|| quick(rng))
                .flatten()
        });
        simulation.run(rate, 21 * SECOND);
        let dead = |partition| partition % 3 == 1;
        let (before, all) = simulation.share(0, 10 * SECOND, dead);
        assert!(before * 7 > all, "{before} of {all} before, of {count}");
        let (lost, all) = simulation.share(11 * SECOND, 21 * SECOND, dead);
        // One probe in four seconds each, after those that come sooner.
        let most = 5 * simulation.partitions.avoided() as usize;
        assert!(
            lost <= most && most > 0,
            "{lost} of {all} calls, at {rate} a second to {count} partitions"
        );
    }
}

#[test]
fn calls_that_waited_for_a_server_to_start_are_soon_forgotten() {
    let mut simulation = Simulation::new(6, |partition, at, rng| {
        if at < 8 * SECOND {
            // The servers start.
            Some(8 * SECOND - at + rng.i64(0..50 * MS))
        } else if at < 10 * SECOND || partition > 1 {
            quick(rng)
        } else {
            None
        }
    });
    simulation.run(2, 8 * SECOND);
    simulation.run(500, 21 * SECOND);
    let (lost, all) = simulation.share(11 * SECOND, 21 * SECOND, |partition| partition < 2);
    assert!(lost * 100 < all, "{lost} of {all}");
}

#[test]
fn the_others_share_the_calls_evenly() {
    let mut simulation = Simulation::new(6, |partition, _, rng| {
        (partition != 2 && partition != 3)
            .then(|| quick(rng))
            .flatten()
    });
    simulation.run(1_000, 21 * SECOND);
    for partition in [0, 1, 4, 5] {
        let (got, all) = simulation.share(SECOND, 21 * SECOND, |one| one == partition);
        assert!(
            got.abs_diff(all / 4) < all / 50,
            "{partition}: {got} of {all}"
        );
    }
}

#[test]
fn a_partition_that_answers_again_is_used_again_soon() {
    let mut simulation = Simulation::new(3, |partition, at, rng| {
        let dead = partition == 0 && (SECOND..20 * SECOND).contains(&at);
        (!dead).then(|| quick(rng)).flatten()
    });
    simulation.run(500, 26 * SECOND);
    assert_eq!(simulation.partitions.avoided(), 0);
    let (got, all) = simulation.share(25 * SECOND, 26 * SECOND, |partition| partition == 0);
    assert!(got * 4 > all, "{got} of {all}");
}

#[test]
fn a_call_by_key_that_is_answered_ends_the_avoiding() {
    let mut simulation = Simulation::new(3, |partition, at, rng| {
        (partition != 0 || at > 4 * SECOND)
            .then(|| quick(rng))
            .flatten()
    });
    simulation.run(500, 4 * SECOND + MS);
    assert_eq!(simulation.partitions.avoided(), 1);
    simulation.send(0);
    simulation.pass(5 * MS);
    assert_eq!(simulation.partitions.avoided(), 0);
}

#[test]
fn where_all_is_slow_nothing_is_out() {
    let slow: [Answers; 3] = [
        |_, _, _| Some(3 * SECOND),
        |_, _, rng| Some(rng.i64(2 * SECOND..4 * SECOND)),
        // From quick to slow.
        |_, at, _| Some(if at < 10 * SECOND { MS } else { 2 * SECOND }),
    ];
    for (index, answers) in slow.into_iter().enumerate() {
        for rate in [2, 20, 500] {
            let mut simulation = Simulation::new(6, answers);
            while simulation.now < 30 * SECOND {
                simulation.call();
                assert_eq!(simulation.partitions.avoided(), 0, "{index} at {rate}");
                simulation.pass(SECOND / rate);
            }
        }
    }
}

#[test]
fn where_nobody_answers_nothing_is_out_and_then_all_answer_at_once() {
    let mut simulation = Simulation::new(6, |_, at, rng| {
        let away = (5 * SECOND..15 * SECOND).contains(&at);
        (!away).then(|| quick(rng)).flatten()
    });
    while simulation.now < 15 * SECOND {
        simulation.call();
        assert_eq!(simulation.partitions.avoided(), 0);
        simulation.pass(2 * MS);
    }
    simulation.run(500, 15 * SECOND + 100 * MS);
    assert_eq!(simulation.partitions.avoided(), 0);
}

#[test]
fn one_long_call_is_no_outlier_where_others_keep_it_company() {
    // One of ten takes long.
    let mut simulation = Simulation::new(6, |_, _, rng| {
        if rng.u32(..10) == 0 {
            Some(3 * SECOND)
        } else {
            quick(rng)
        }
    });
    while simulation.now < 30 * SECOND {
        simulation.call();
        assert_eq!(simulation.partitions.avoided(), 0);
        simulation.pass(2 * MS);
    }
}

#[test]
fn calls_that_are_dropped_say_nothing() {
    let mut simulation = Simulation::new(3, |partition, _, rng| {
        (partition != 0).then(|| quick(rng)).flatten()
    });
    while simulation.now < 20 * SECOND {
        let (partition, sent) = simulation.call();
        simulation.pass(20 * MS);
        simulation.partitions.forget(partition, sent);
        assert_eq!(simulation.partitions.avoided(), 0);
    }
}

#[test]
fn a_call_without_an_answer_is_no_probe() {
    let mut simulation = Simulation::new(2, |partition, _, rng| {
        (partition != 0).then(|| quick(rng)).flatten()
    });
    simulation.run(500, SECOND);
    assert_eq!(simulation.partitions.avoided(), 1);
    for _ in 0..100 {
        simulation.now += SECOND;
        let chosen = simulation
            .partitions
            .choose_by(simulation.now, false, |_| 0);
        assert_eq!(chosen, 1);
    }
}

#[test]
fn one_partition_takes_all_calls() {
    let mut simulation = Simulation::new(1, |_, _, _| None);
    simulation.run(500, 10 * SECOND);
    assert_eq!(simulation.share(0, i64::MAX, |one| one == 0).0, 5_000);
    assert_eq!(simulation.partitions.avoided(), 0);
}

#[test]
fn a_topic_may_get_more_partitions_and_fewer() {
    let mut simulation = Simulation::new(3, |partition, _, rng| {
        (partition != 2).then(|| quick(rng)).flatten()
    });
    simulation.run(500, SECOND);
    assert_eq!(simulation.partitions.avoided(), 1);
    // Only one that is found twice in a row isn't a broker's that is behind.
    for found in [2, 3, 2] {
        simulation.partitions.set_count(found);
        assert_eq!(simulation.partitions.count(), 3);
    }
    simulation.partitions.set_count(2);
    assert_eq!(simulation.partitions.count(), 2);
    assert_eq!(simulation.partitions.avoided(), 0);
    simulation.run(500, 2 * SECOND);
    assert_eq!(simulation.share(SECOND, 2 * SECOND, |one| one > 1).0, 0);
    simulation.partitions.set_count(0);
    assert_eq!(simulation.partitions.count(), 2);
    simulation.partitions.set_count(12);
    // Not out as before: it is another one.
    assert_eq!(simulation.partitions.avoided(), 0);
    let from = simulation.now;
    simulation.run(500, from + 2 * SECOND);
    for partition in 0..12 {
        let (got, _) = simulation.share(from, i64::MAX, |one| one == partition);
        assert!(got > 0, "{partition} got none");
    }
}

#[test]
fn calls_of_one_moment_leave_nothing_behind_once_they_are_answered() {
    let mut simulation = Simulation::new(4, |_, _, rng| quick(rng));
    for _ in 0..20 {
        for _ in 0..50 {
            simulation.call();
        }
        simulation.pass(10 * MS);
        assert!(simulation.coming.is_empty());
        // The first calls after a long rest.
        simulation.pass(10 * SECOND);
        for partition in [0, 0, 1, 1, 2, 3] {
            let chosen = simulation
                .partitions
                .choose_by(simulation.now, true, |_| partition);
            assert_eq!(chosen, partition);
            simulation.send(chosen);
            simulation.pass(10 * MS);
            assert_eq!(simulation.partitions.avoided(), 0);
        }
    }
}
