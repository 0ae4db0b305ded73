//! Time and alarms.

use std::time::Instant;

use crate::transport::memory::tests::*;
use crate::transport::{Clock, Tick};

/// Writes down how many milliseconds after its making it was called, and asks for what it is given.
struct Ticks {
    start: Instant,
    at: Mutex<Vec<u128>>,
    again: Mutex<Vec<Duration>>,
}

impl Ticks {
    fn new(clock: &Arc<dyn Clock>, again: &[u64]) -> Arc<Self> {
        Arc::new(Self {
            start: clock.now(),
            at: Mutex::default(),
            again: Mutex::new(again.iter().map(|ms| Duration::from_millis(*ms)).collect()),
        })
    }

    fn ms(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn take(&self) -> Vec<u128> {
        std::mem::take(&mut lock(&self.at))
    }
}

impl Tick for Ticks {
    fn tick(&self, now: Instant) -> Option<Instant> {
        lock(&self.at).push((now - self.start).as_millis());
        lock(&self.again).pop().map(|after| now + after)
    }
}

fn clock(node: &MemoryNode) -> Arc<dyn Clock> {
    transport(node).clock()
}

#[tokio::test(start_paused = true)]
async fn time_is_the_runtimes_also_on_another_thread() {
    let broker = MemoryBroker::new();
    let clock = clock(&broker.main_node());
    let (start, wall) = (clock.now(), clock.wall_ms());
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(clock.now() - start, Duration::from_secs(3600));
    let other = Arc::clone(&clock);
    let there = std::thread::spawn(move || (other.now(), other.wall_ms()))
        .join()
        .unwrap();
    assert_eq!(there, (clock.now(), wall + 3_600_000));
}

#[tokio::test(start_paused = true)]
async fn each_node_has_its_wall_clock_and_all_have_one_monotonic_clock() {
    let broker = MemoryBroker::new();
    let node = broker.node("ahead");
    node.set_wall_offset_ms(3_600_000);
    let (ahead, main) = (clock(&node), clock(&broker.main_node()));
    assert_eq!(ahead.wall_ms(), main.wall_ms() + 3_600_000);
    assert_eq!(ahead.now(), main.now());
}

#[tokio::test(start_paused = true)]
async fn an_alarm_rings_at_the_earliest_time_and_when_the_tick_asks() {
    let broker = MemoryBroker::new();
    let clock = clock(&broker.main_node());
    let ticks = Ticks::new(&clock, &[30]);
    let alarm = clock.alarm(Arc::clone(&ticks) as _);
    alarm.ring_by(ticks.ms(50));
    settle().await;
    alarm.ring_by(ticks.ms(20));
    alarm.ring_by(ticks.ms(90));
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The times given to `ring_by` while an earlier one was due are the tick's business.
    assert_eq!(ticks.take(), [20, 50]);
    alarm.ring_by(ticks.ms(0));
    settle().await;
    assert_eq!(ticks.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_alarm_is_silent() {
    let broker = MemoryBroker::new();
    let clock = clock(&broker.main_node());
    let ticks = Ticks::new(&clock, &[]);
    let alarm = clock.alarm(Arc::clone(&ticks) as _);
    alarm.ring_by(ticks.ms(50));
    settle().await;
    drop(alarm);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(ticks.take().is_empty());
    assert_eq!(Arc::strong_count(&ticks), 1);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_process_hears_its_alarm_when_it_thaws() {
    let broker = MemoryBroker::new();
    let node = broker.node("one");
    let clock = clock(&node);
    let ticks = Ticks::new(&clock, &[]);
    let alarm = clock.alarm(Arc::clone(&ticks) as _);
    alarm.ring_by(ticks.ms(50));
    node.freeze();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(ticks.take().is_empty());
    node.thaw();
    settle().await;
    assert_eq!(ticks.take(), [200]);
}
