//! The machine's clocks, and alarms that each run on a thread of their own.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use crate::transport::kafka::client::blocking;
use crate::transport::kafka::ffi;
use crate::transport::{Alarm, Clock, Tick};
use crate::util::lock_order::ALARM_PLAN;
use crate::util::sync::{Condvar, Mutex, lock};

/// How long what the wall clock said is relied on. It may be set at any time; in so short a time it
/// isn't slewed by more than some microseconds.
const RELIED_ON_US: i64 = 5_000;

/// Two looks at clocks that are no further apart count as one.
const SAME_MOMENT_US: i64 = 20;

/// Both clocks when they were last looked at together: a look at one of them takes a good part of what
/// a call may cost.
static TOGETHER: LazyLock<Together> = LazyLock::new(|| Together {
    origin: Instant::now(),
    looked_us: AtomicI64::new(i64::MIN),
    ahead_us: AtomicI64::new(0),
});

struct Together {
    origin: Instant,
    /// When, in microseconds from the origin.
    looked_us: AtomicI64,
    /// How much more the wall clock said.
    ahead_us: AtomicI64,
}

impl Together {
    fn wall_us(&self, now: Instant) -> i64 {
        let now_us = self.since_origin(now);
        if now_us.saturating_sub(self.looked_us.load(Ordering::Acquire)) <= RELIED_ON_US {
            return now_us + self.ahead_us.load(Ordering::Relaxed);
        }
        let wall_us = SystemClock.wall_us();
        let then_us = self.since_origin(Instant::now());
        // `now` is long ago if the thread was held up, and then the next one looks again.
        if then_us - now_us <= SAME_MOMENT_US {
            // Of several threads that look now, none stores what is older than it may be.
            self.ahead_us.store(wall_us - now_us, Ordering::Relaxed);
            self.looked_us.store(now_us, Ordering::Release);
        }
        wall_us
    }

    fn since_origin(&self, at: Instant) -> i64 {
        let passed = at.saturating_duration_since(self.origin).as_micros();
        i64::try_from(passed).unwrap_or(i64::MAX)
    }
}

/// Monotonic and wall time of this machine.
pub(in crate::transport::kafka) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_us(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn wall_us_at(&self, now: Instant) -> i64 {
        TOGETHER.wall_us(now)
    }

    fn suspended(&self) -> Option<Duration> {
        ffi::suspended()
    }

    fn alarm(&self, tick: Arc<dyn Tick>) -> Box<dyn Alarm> {
        let shared = Arc::new(Shared::default());
        let runner = Arc::clone(&shared);
        if let Err(error) = blocking::spawn("kafka-rpc-clock", move || runner.run(&*tick)) {
            // Without its thread nothing would ever time out: there is no way to go on from here.
            panic!("{error}");
        }
        Box::new(ThreadAlarm(shared))
    }
}

#[derive(Default)]
struct Shared {
    plan: Mutex<Plan, ALARM_PLAN>,
    changed: Condvar,
}

#[derive(Default)]
struct Plan {
    next: Option<Instant>,
    stopped: bool,
}

impl Shared {
    fn run(&self, tick: &dyn Tick) {
        while let Some(now) = self.wait() {
            // Outside the lock, so that the tick may ring its own alarm.
            if let Some(at) = tick.tick(now) {
                self.ring_by(at);
            }
        }
    }

    /// Returns when the next tick is due; `None` when the alarm was dropped.
    fn wait(&self) -> Option<Instant> {
        let mut plan = lock(&self.plan);
        loop {
            if plan.stopped {
                return None;
            }
            let now = Instant::now();
            plan = match plan.next {
                Some(at) if at <= now => {
                    plan.next = None;
                    return Some(now);
                }
                Some(at) => self.changed.wait_timeout(plan, at - now),
                None => self.changed.wait(plan),
            };
        }
    }

    fn ring_by(&self, at: Instant) {
        let mut plan = lock(&self.plan);
        if plan.next.is_none_or(|next| at < next) {
            plan.next = Some(at);
            self.changed.notify_one();
        }
    }
}

struct ThreadAlarm(Arc<Shared>);

impl Alarm for ThreadAlarm {
    fn ring_by(&self, at: Instant) {
        self.0.ring_by(at);
    }
}

impl Drop for ThreadAlarm {
    fn drop(&mut self) {
        // Not joined: the tick itself may be what drops its alarm.
        lock(&self.0.plan).stopped = true;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    struct Recorder {
        rung: Mutex<mpsc::Sender<Instant>>,
        then: Mutex<Vec<Instant>>,
    }

    impl Tick for Recorder {
        fn tick(&self, now: Instant) -> Option<Instant> {
            lock(&self.rung).send(now).expect("the test listens");
            lock(&self.then).pop()
        }
    }

    fn recorder(then: Vec<Instant>) -> (Arc<Recorder>, mpsc::Receiver<Instant>) {
        let (rung, heard) = mpsc::channel();
        let recorder = Recorder {
            rung: Mutex::new(rung),
            then: Mutex::new(then),
        };
        (Arc::new(recorder), heard)
    }

    #[test]
    fn the_wall_clock_is_derived_from_the_monotonic_one() {
        for _ in 0..100_000 {
            let before = SystemClock.wall_us();
            let derived = SystemClock.wall_us_at(SystemClock.now());
            let after = SystemClock.wall_us();
            // Slewing, and the microseconds that both are rounded to.
            assert!((before - 50..=after + 50).contains(&derived));
        }
    }

    #[test]
    fn rings_at_the_earliest_time_asked_for_and_again_when_the_tick_says() {
        let start = Instant::now();
        let (early, late) = (
            start + Duration::from_millis(5),
            start + Duration::from_millis(15),
        );
        let (tick, heard) = recorder(vec![late]);
        let alarm = SystemClock.alarm(tick);
        alarm.ring_by(start + Duration::from_secs(3600));
        alarm.ring_by(early);
        let first = heard.recv().expect("rings");
        let second = heard.recv().expect("rings again");
        assert!(early <= first && first <= second && late <= second);
    }

    #[test]
    fn a_dropped_alarm_lets_its_tick_go() {
        let (tick, heard) = recorder(Vec::new());
        let alarm = SystemClock.alarm(tick);
        alarm.ring_by(Instant::now() + Duration::from_secs(3600));
        drop(alarm);
        // Ends only when the thread has dropped the tick, and with it the sender.
        assert!(heard.recv().is_err());
    }
}
