//! The machine's clocks, and alarms that each run on a thread of their own.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::blocking;
use crate::sync::lock;
use crate::transport::{Alarm, Clock, Tick};

/// Monotonic and wall time of this machine.
pub(super) struct SystemClock;

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
    plan: Mutex<Plan>,
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
                Some(at) => {
                    self.changed
                        .wait_timeout(plan, at - now)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .changed
                    .wait(plan)
                    .unwrap_or_else(PoisonError::into_inner),
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
    use std::sync::mpsc;

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
