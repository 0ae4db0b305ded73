//! The producer's thread against those who wait for a report, and against the reports.
//!
//! Each model says which orders in the code it pins: turn one round, and the model fails.

use std::sync::Arc;

use crate::transport::kafka::producer::wakeup::*;
use crate::util::sync::model::{check, thread};

const LONG: Duration = Duration::from_secs(3_600);

/// The thread, with librdkafka's queue of reports.
#[derive(Default)]
struct Model {
    wakeup: Wakeup,
    /// How many reports are in the queue.
    queue: Mutex<u64, 0>,
    /// Somebody waits for the next report.
    waits: AtomicBool,
    stopped: AtomicBool,
}

impl Model {
    /// A report comes, as librdkafka says it: only if its queue was empty, and under the queue's
    /// lock.
    fn report(&self) {
        let mut queue = lock(&self.queue);
        *queue += 1;
        if *queue == 1 {
            self.wakeup.on_alert();
        }
    }

    fn look(&self) -> bool {
        let reports = std::mem::take(&mut *lock(&self.queue));
        if reports > 0 {
            self.wakeup.on_reported(reports);
        }
        reports > 0
    }

    /// Does rounds until `done`.
    fn live(&self, idle: &mut IdleTracker, done: impl Fn(&IdleTracker) -> bool) {
        while !done(idle) {
            self.wakeup.begin_round();
            while self.look() {}
            if done(idle) {
                return;
            }
            self.wakeup.rest(
                idle,
                || self.waits.load(Ordering::SeqCst),
                || self.stopped.load(Ordering::SeqCst),
            );
        }
    }

    fn reported(&self) -> u64 {
        self.wakeup.reported.load(Ordering::SeqCst)
    }
}

/// A report that somebody waits for is heard as soon as it comes.
///
/// Pins that `on_produce` says what is awaited before it looks how the thread rests, and `rest` the
/// other way round; that `rest` looks whether it was alerted after it has said that it is to be
/// (`missed`); that `begin_round` comes before the look; and that `end_any_rest` takes the lock.
#[test]
fn whoever_waits_for_a_report_is_served() {
    check(3, || {
        let model = Arc::new(Model::default());
        let caller = thread::spawn({
            let model = Arc::clone(&model);
            move || {
                model.wakeup.on_produce(true);
                model.report();
            }
        });
        model.live(&mut IdleTracker::default(), |_| model.reported() == 1);
        caller.join().unwrap();
        assert!(model.wakeup.is_zero());
    });
}

/// The same of two callers, each of whom waits.
#[test]
fn two_callers_are_served() {
    check(2, || {
        let model = Arc::new(Model::default());
        let callers = [(); 2].map(|()| {
            thread::spawn({
                let model = Arc::clone(&model);
                move || {
                    model.wakeup.on_produce(true);
                    model.report();
                }
            })
        });
        model.live(&mut IdleTracker::default(), |_| model.reported() == 2);
        for caller in callers {
            caller.join().unwrap();
        }
        assert!(model.wakeup.is_zero());
    });
}

/// Whoever flushes hears of the last report, though nobody waited for it before.
///
/// Pins that `flush` says so before it wakes the thread and looks at the count; that `on_reported`
/// counts before it looks whether anybody flushes, and takes the lock before it notifies; and that
/// `is_zero` reads what is reported first.
#[test]
fn a_flush_ends_with_the_last_report() {
    check(3, || {
        let model = Arc::new(Model::default());
        model.wakeup.on_produce(false);
        let broker = thread::spawn({
            let model = Arc::clone(&model);
            move || model.report()
        });
        let flusher = thread::spawn({
            let model = Arc::clone(&model);
            move || {
                model.wakeup.flush(LONG);
                assert!(model.wakeup.is_zero());
                // As the producer's handle does when it is dropped.
                model.stopped.store(true, Ordering::SeqCst);
                model.wakeup.end_any_rest();
            }
        });
        model.live(&mut IdleTracker::default(), |_| {
            model.stopped.load(Ordering::SeqCst)
        });
        broker.join().unwrap();
        flusher.join().unwrap();
    });
}

/// What is kept back until the next report goes with it, though nobody waits for that report.
///
/// Pins that `rest` asks whether anything is kept back after it has said how it rests, and that
/// whoever keeps something back calls `on_waiting` afterwards.
#[test]
fn what_is_kept_back_goes_with_the_next_report() {
    check(3, || {
        let model = Arc::new(Model::default());
        model.wakeup.on_produce(false);
        let caller = thread::spawn({
            let model = Arc::clone(&model);
            move || {
                model.waits.store(true, Ordering::SeqCst);
                model.wakeup.on_waiting();
            }
        });
        let broker = thread::spawn({
            let model = Arc::clone(&model);
            move || model.report()
        });
        model.live(&mut IdleTracker::default(), |_| model.reported() == 1);
        caller.join().unwrap();
        broker.join().unwrap();
    });
}

/// An idle thread hears that something is produced, so that its report is late by some milliseconds
/// and not by the length of an idle rest.
///
/// Pins that `on_produce` counts before it looks how the thread rests, and that `rest` compares the
/// count after it has said that it is idle.
#[test]
fn an_idle_thread_hears_that_something_is_produced() {
    check(3, || {
        let model = Arc::new(Model::default());
        let caller = thread::spawn({
            let model = Arc::clone(&model);
            move || {
                model.wakeup.on_produce(false);
                // So much time passes that any rest ends but an idle one.
                while !model.stopped.load(Ordering::SeqCst) {
                    let guard = lock(&model.wakeup.lock);
                    if model.wakeup.state.load(Ordering::SeqCst) != rest::IDLE {
                        model.wakeup.wake.pass_time(&guard);
                    }
                    drop(guard);
                    thread::yield_now();
                }
            }
        });
        let mut idle = IdleTracker {
            quiet_rounds: ROUNDS_UNTIL_IDLE + 1,
            ..IdleTracker::default()
        };
        model.live(&mut idle, |_| {
            model.wakeup.produced.load(Ordering::SeqCst) == 1
        });
        model.stopped.store(true, Ordering::SeqCst);
        caller.join().unwrap();
    });
}

/// A thread that is to stop does.
///
/// Pins that `rest` asks whether to stop under the lock, which `end_any_rest` takes.
#[test]
fn a_thread_that_is_to_stop_rests_no_more() {
    check(3, || {
        let model = Arc::new(Model::default());
        let owner = thread::spawn({
            let model = Arc::clone(&model);
            move || {
                model.stopped.store(true, Ordering::SeqCst);
                model.wakeup.end_any_rest();
            }
        });
        model.live(&mut IdleTracker::default(), |_| {
            model.stopped.load(Ordering::SeqCst)
        });
        owner.join().unwrap();
    });
}
