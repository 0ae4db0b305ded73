//! What becomes of a table of clocks when calls are answered, owners change and clocks are set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::transport::{Alarm, Tick};

const MS: Duration = Duration::from_millis(1);
const WALL_US: i64 = 1_700_000_000_000_000;

/// A clock of which a test says only how long the machine was suspended.
struct Machine {
    origin: Instant,
    suspended_ms: AtomicU64,
    tells: bool,
}

impl Machine {
    fn new() -> Self {
        Self {
            origin: Instant::now(),
            suspended_ms: AtomicU64::new(0),
            tells: true,
        }
    }
}

impl Clock for Machine {
    fn now(&self) -> Instant {
        self.origin
    }

    fn wall_us(&self) -> i64 {
        WALL_US
    }

    fn suspended(&self) -> Option<Duration> {
        let ms = self.suspended_ms.load(Ordering::Relaxed);
        self.tells.then(|| Duration::from_millis(ms))
    }

    fn alarm(&self, _: Arc<dyn Tick>) -> Box<dyn Alarm> {
        unreachable!("nothing here waits")
    }
}

/// A command that was sent.
#[derive(Clone, Copy)]
struct Stamped {
    began: (Instant, Stamp),
    sent: Option<Sent>,
}

struct Rig {
    machine: Machine,
    clocks: ServerClocks,
    /// Of the wall clock, against its place at the origin.
    stepped_us: i64,
}

impl Rig {
    fn new() -> Self {
        let machine = Machine::new();
        Self {
            clocks: ServerClocks::new(machine.origin, 3),
            machine,
            stepped_us: 0,
        }
    }

    fn at(&self, ms: u32) -> Instant {
        self.machine.origin + ms * MS
    }

    fn stamp(&self, partition: u32, at_ms: u32) -> Stamped {
        let wall_us = WALL_US + i64::from(at_ms) * 1_000 + self.stepped_us;
        // The call began a little earlier, as that of a second attempt did.
        let times = (self.at(at_ms.saturating_sub(70)), self.at(at_ms));
        let (stamp, sent) = self.clocks.stamp(partition, times, wall_us, &self.machine);
        Stamped {
            began: (times.0, stamp),
            sent,
        }
    }

    /// A call that takes 10 ms each way, to a server whose clock says `server_ms` more than this one's
    /// origin.
    fn call(&self, partition: u32, at_ms: u32, clock: Option<u64>, server_ms: u64) -> Stamped {
        let stamp = self.stamp(partition, at_ms);
        let times = StageTimes {
            read_at_us: Some((server_ms + u64::from(at_ms) + 10) * 1_000),
            clock,
            ..StageTimes::default()
        };
        self.clocks
            .answered(partition, stamp.began, &times, || self.at(at_ms + 20));
        stamp
    }
}

#[test]
fn a_reply_tells_the_clock_of_its_partition() {
    let rig = Rig::new();
    assert_eq!(rig.call(0, 0, Some(7), 5_000_000).sent, None);
    let sent = rig.stamp(0, 1_000).sent.expect("it was told");
    assert_eq!(sent.clock, 7);
    assert!(sent.at_ms.abs_diff(5_001_000) <= sent.error_ms);
    assert!(sent.error_ms <= 13, "{}", sent.error_ms);
    // Whoever serves one partition is expected at others of which nothing was heard.
    assert_eq!(rig.stamp(1, 1_000).sent, Some(sent));
    assert!(!rig.clocks.wants_probe(1, rig.at(1_000)));
    // Partitions may be added.
    assert!(rig.call(40, 1_000, Some(8), 9_000_000).sent.is_some());
    assert_eq!(rig.stamp(40, 1_100).sent.map(|sent| sent.clock), Some(8));
}

#[test]
fn time_is_asked_for_ten_times_a_second_at_most() {
    let rig = Rig::new();
    rig.call(0, 0, Some(7), 5_000_000);
    let asked = (1_000..2_000).filter(|ms| {
        let stamp = rig.stamp(0, *ms);
        let times = StageTimes {
            read_at_us: Some(1),
            clock: Some(7),
            ..StageTimes::default()
        };
        let mut asked = false;
        rig.clocks.answered(0, stamp.began, &times, || {
            asked = true;
            rig.at(*ms)
        });
        asked
    });
    assert_eq!(asked.count(), 10);
}

#[test]
fn what_is_known_too_badly_is_not_told() {
    let rig = Rig::new();
    let stamp = rig.stamp(0, 0);
    let times = |at_ms: u64| StageTimes {
        read_at_us: Some((5_000_000 + at_ms) * 1_000),
        clock: Some(7),
        ..StageTimes::default()
    };
    // Its reply waited for two seconds.
    let late = || rig.at(2_000);
    rig.clocks.answered(0, stamp.began, &times(1), late);
    let stamp = rig.stamp(0, 2_000);
    assert_eq!(stamp.sent, None);
    // So each reply is asked for the time, until one is quick.
    rig.clocks
        .answered(0, stamp.began, &times(2_001), || rig.at(2_002));
    assert!(rig.stamp(0, 2_003).sent.is_some());
    // Clocks drift: after an hour without a call nothing is known.
    assert_eq!(rig.stamp(0, 3_600_000).sent, None);
}

#[test]
fn the_last_owner_is_expected_and_a_late_answer_of_the_former_changes_nothing() {
    let rig = Rig::new();
    rig.call(0, 0, Some(7), 5_000_000);
    let slow = rig.stamp(0, 500);
    rig.call(0, 1_000, Some(8), 9_000_000);
    assert_eq!(rig.stamp(0, 1_100).sent.map(|sent| sent.clock), Some(8));
    let times = StageTimes {
        read_at_us: Some(5_000_510_000),
        handler_us: 1_480_000,
        clock: Some(7),
        ..StageTimes::default()
    };
    rig.clocks.answered(0, slow.began, &times, || rig.at(2_000));
    assert_eq!(rig.stamp(0, 2_100).sent.map(|sent| sent.clock), Some(8));
    // A server of an older version tells no clock.
    rig.call(0, 2_200, None, 0);
    assert_eq!(rig.stamp(0, 2_300).sent, None);
    assert_eq!(rig.stamp(1, 2_300).sent, None);
}

#[test]
fn a_step_of_the_wall_clock_changes_nothing() {
    let mut rig = Rig::new();
    rig.call(0, 0, Some(7), 5_000_000);
    for step_us in [30_000_000, -30_000_000, 3_000_000_000, -3_000_000_000, 0] {
        rig.stepped_us = step_us;
        assert!(rig.stamp(0, 1_000).sent.is_some());
    }
}

#[test]
fn a_suspension_makes_everything_unknown() {
    let mut rig = Rig::new();
    rig.call(0, 0, Some(7), 5_000_000);
    rig.call(1, 0, Some(7), 5_000_000);
    let before = rig.stamp(0, 900);
    rig.machine.suspended_ms.store(60_000, Ordering::Relaxed);
    rig.stepped_us = 60_000_000;
    assert_eq!(rig.stamp(0, 1_000).sent, None);
    assert_eq!(rig.stamp(1, 1_000).sent, None);
    // A call that was under way tells nothing of the time after.
    let times = StageTimes {
        read_at_us: Some(5_000_910_000),
        clock: Some(7),
        ..StageTimes::default()
    };
    rig.clocks
        .answered(0, before.began, &times, || rig.at(1_010));
    assert_eq!(rig.stamp(0, 1_020).sent, None);
    rig.call(0, 1_100, Some(7), 5_060_000);
    let sent = rig.stamp(0, 1_200).sent.expect("it was told again");
    assert!(sent.at_ms.abs_diff(5_061_200) <= sent.error_ms);
}

#[test]
fn where_suspensions_are_not_told_a_step_counts_as_one() {
    let mut rig = Rig::new();
    rig.machine.tells = false;
    rig.call(0, 0, Some(7), 5_000_000);
    assert!(rig.stamp(0, 100).sent.is_some());
    rig.stepped_us = 1_000_000;
    assert_eq!(rig.stamp(0, 200).sent, None);
}

#[test]
fn nobody_is_asked_for_a_clock_again_and_again() {
    let rig = Rig::new();
    assert!(rig.clocks.wants_probe(0, rig.at(0)));
    rig.clocks.probed(0, rig.at(250));
    assert!(!rig.clocks.wants_probe(0, rig.at(1_000)));
    assert!(rig.clocks.wants_probe(1, rig.at(1_000)));
    assert!(rig.clocks.wants_probe(0, rig.at(10_251)));
    rig.call(0, 10_300, Some(7), 5_000_000);
    assert!(!rig.clocks.wants_probe(0, rig.at(30_000)));
}
