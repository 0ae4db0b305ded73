//! The thread that polls against the one that watches it.
//!
//! Each model says which orders in the code it pins: turn one round, and the model fails.

use std::sync::Arc;

use crate::transport::kafka::consumer::watchdog::*;
use crate::util::sync::model::{check, thread};

/// Two threads that poll what counts up to some rounds.
struct Model {
    lease: PollLease,
    /// A thread polls.
    polling: AtomicBool,
    /// Rounds that are left.
    rounds: AtomicU64,
    polls: AtomicU64,
}

impl Model {
    fn new(rounds: u64) -> Arc<Self> {
        Arc::new(Self {
            lease: PollLease::default(),
            polling: AtomicBool::new(false),
            rounds: AtomicU64::new(rounds),
            polls: AtomicU64::new(0),
        })
    }

    /// One poll, which leads to the work of this number, counted down to zero.
    fn poll(&self) -> Option<u64> {
        assert!(
            !self.polling.swap(true, Ordering::SeqCst),
            "two threads poll"
        );
        self.polls.fetch_add(1, Ordering::SeqCst);
        let left = self.rounds.load(Ordering::SeqCst);
        self.rounds.store(left.saturating_sub(1), Ordering::SeqCst);
        self.polling.store(false, Ordering::SeqCst);
        left.checked_sub(1)
    }

    /// So much time passes that a watching thread looks.
    fn pass_time(&self) {
        self.lease.wake.pass_time(&lock(&self.lease.lock));
    }

    /// Works so long that the other thread takes over, with this poll.
    fn be_held_up(&self, until: u64) {
        while self.polls.load(Ordering::SeqCst) < until {
            self.pass_time();
            thread::yield_now();
        }
    }
}

/// One thread polls at a time, whoever is held up, and both end.
///
/// Pins that a takeover changes the steps in one step (`wait`) and a thread that is done finds that
/// in one step (`finish`); and that `end` says so before it takes the lock and notifies.
#[test]
fn one_thread_polls_and_both_end() {
    check(3, || {
        let model = Model::new(2);
        let run = |model: &Model| model.pass_time();
        let second = thread::spawn({
            let model = Arc::clone(&model);
            move || model.lease.share(false, || model.poll(), |_| run(&model))
        });
        let first = model.lease.share(true, || model.poll(), |_| run(&model));
        let second = second.join().unwrap();
        assert!(first ^ second, "the end is told to one");
        assert_eq!(model.polls.load(Ordering::SeqCst), 3);
    });
}

/// A thread that is held up loses the lease to the one that watches.
///
/// Pins that `begin` counts before it looks whether it is watched, and takes the lock before it
/// notifies; and that the watching thread takes over from work that it has seen before.
#[test]
fn a_thread_that_is_held_up_loses_the_lease() {
    check(3, || {
        let model = Model::new(1);
        let second = thread::spawn({
            let model = Arc::clone(&model);
            move || {
                let work = |_| panic!("there is none left");
                model.lease.share(false, || model.poll(), work)
            }
        });
        let work = |_| model.be_held_up(2);
        assert!(!model.lease.share(true, || model.poll(), work));
        assert!(second.join().unwrap());
    });
}

/// The same of a thread that begins to work just when the other one stops watching.
///
/// Pins that `stop_watching` says so before it looks at the steps once more, and `begin` counts
/// before it looks.
#[test]
fn work_that_begins_when_the_other_stops_watching_is_watched() {
    check(2, || {
        let model = Model::new(2);
        let second = thread::spawn({
            let model = Arc::clone(&model);
            move || model.lease.share(false, || model.poll(), |_| {})
        });
        let poll = || {
            // Nothing is done meanwhile, so the other one stops watching.
            model.pass_time();
            model.poll()
        };
        let work = |left| {
            if left == 0 {
                model.be_held_up(3);
            }
        };
        model.lease.share(true, poll, work);
        second.join().unwrap();
        assert_eq!(model.polls.load(Ordering::SeqCst), 3);
    });
}
