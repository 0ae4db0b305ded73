use std::thread;

use super::*;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_report_is_urgent_until_as_many_came_as_were_produced_by_then() {
    let wakeup = Wakeup::default();
    wakeup.on_produce(false);
    assert!(!wakeup.is_urgent());
    wakeup.on_produce(true);
    wakeup.on_produce(false);
    assert!(wakeup.is_urgent());
    wakeup.on_reported(2);
    assert!(!wakeup.is_urgent() && !wakeup.is_zero());
    wakeup.on_reported(1);
    assert!(wakeup.is_zero());
}

#[test]
fn whoever_flushes_waits_until_every_report_has_come() {
    let wakeup = Wakeup::default();
    wakeup.flush(Duration::ZERO);
    wakeup.on_produce(false);
    wakeup.flush(Duration::ZERO);
    assert!(!wakeup.is_zero(), "that was too short");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !wakeup.is_urgent() {
                thread::yield_now();
            }
            wakeup.on_reported(1);
        });
        wakeup.flush(SOON);
        assert!(wakeup.is_zero());
    });
}

#[test]
#[cfg_attr(miri, ignore = "it measures how long something takes")]
fn nobody_rests_who_is_to_stop() {
    let wakeup = Wakeup::default();
    let mut idle = IdleTracker::default();
    let start = Instant::now();
    for _ in 0..=ROUNDS_UNTIL_IDLE + 100 {
        wakeup.rest(&mut idle, || false, || true);
    }
    assert!(start.elapsed() < IDLE_TIMEOUT, "no round of these rests");
}

#[test]
#[cfg_attr(miri, ignore = "it measures how long something takes")]
fn what_comes_while_somebody_waits_ends_the_rest() {
    let wakeup = Wakeup::default();
    let mut idle = IdleTracker::default();
    wakeup.begin_round();
    wakeup.on_alert();
    // Alerted before it rests, it doesn't: a thousand rests would take seconds.
    let start = Instant::now();
    for _ in 0..1_000 {
        wakeup.rest(&mut idle, || true, || false);
    }
    assert!(start.elapsed() < 200 * URGENT_TIMEOUT);
}
