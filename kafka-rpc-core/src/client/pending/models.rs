//! Those who end a call against those who wait for it.
//!
//! Each model says which orders in the code it pins: turn one round, and the model fails.

use std::future::poll_fn;
use std::sync::Arc;

use crate::client::pending::*;
use crate::util::lock_order::PARKED_THREAD;
use crate::util::park;
use crate::util::sync::model::{check, thread};

const REPLY: Awaits = Awaits::Reply { lane: 0 };

fn registry(capacity: usize) -> Arc<Registry> {
    Arc::new(Registry::new(capacity))
}

impl Registry {
    fn at(&self, ms: u64) -> Instant {
        self.origin + Duration::from_millis(ms)
    }

    /// A call that times out after a second.
    fn begin(&self, sequence: u64) -> Result<bool, Refusal> {
        let waker = Waker::noop().clone();
        self.insert(sequence, self.at(1_000), REPLY, false, waker)
    }

    /// Blocks until the call ends, as a caller does: with another waker than it began with.
    fn end_of(&self, sequence: u64) -> Ending {
        park::block_on(poll_fn(|context| self.poll(sequence, context.waker())))
    }

    fn assert_empty(&self) {
        assert_eq!(self.in_flight(), 0, "an entry is left");
        assert_eq!(self.stats().in_flight, 0);
    }
}

/// No wake-up is lost when the waker changes.
///
/// Pins that a waker is replaced, and an ending found, under one lock (`poll`), and that an ending
/// takes the waker under it (`Entry::end`).
#[test]
fn a_caller_hears_of_the_reply_whichever_waker_it_left() {
    check(3, || {
        let registry = registry(1);
        registry.begin(1).unwrap();
        let listener = thread::spawn({
            let registry = Arc::clone(&registry);
            move || registry.reply(1, b"reply", || panic!("nobody asks when"))
        });
        assert!(matches!(registry.end_of(1), Ending::Reply { .. }));
        registry.assert_empty();
        listener.join().unwrap();
    });
}

/// A call ends once, by whoever comes first, and leaves nothing behind.
///
/// Pins that whether a call waits is looked at under the lock under which it ends (`Entry::end`,
/// `abandon`), and that an entry is counted out once, when it is removed (`remove`).
#[test]
fn a_call_ends_once() {
    check(2, || {
        let registry = registry(1);
        registry.begin(1).unwrap();
        let threads = [
            thread::spawn({
                let registry = Arc::clone(&registry);
                move || registry.reply(1, b"reply", || panic!("nobody asks when"))
            }),
            thread::spawn({
                let registry = Arc::clone(&registry);
                move || {
                    registry.tick(registry.at(1_000));
                }
            }),
        ];
        let waited = registry.forget(1);
        for thread in threads {
            thread.join().unwrap();
        }
        registry.assert_empty();
        let stats = registry.stats();
        assert_eq!(stats.answered + stats.expired + stats.cancelled, 1);
        assert_eq!(stats.cancelled, u64::from(waited));
        assert_eq!(stats.late_replies, 1 - stats.answered);
    });
}

/// A call that is let in is ended by the closing, and none is let in after it.
///
/// Pins that `close` says so before it ends what is there, and that `insert` looks again under the
/// lock.
#[test]
fn no_call_survives_the_closing() {
    check(3, || {
        let registry = registry(1);
        let closer = thread::spawn({
            let registry = Arc::clone(&registry);
            move || registry.close()
        });
        match registry.begin(1) {
            Ok(_) => assert!(matches!(registry.end_of(1), Ending::Closed)),
            Err(refusal) => assert_eq!(refusal, Refusal::Closed),
        }
        closer.join().unwrap();
        registry.assert_empty();
        assert_eq!(registry.begin(2), Err(Refusal::Closed));
    });
}

/// The alarm rings by the earliest deadline, whenever a call is made.
///
/// Pins that `tick` forgets when it rings before it looks for the earliest deadline, and that
/// `insert` makes its deadline known under the lock under which it made the entry.
#[test]
fn no_deadline_is_overlooked() {
    check(3, || {
        let registry = registry(2);
        // As the alarms do it: a tick's time is taken out before the tick.
        let rings = Arc::new(Mutex::<_, PARKED_THREAD>::new(Some(registry.at(0))));
        let ring_by = |rings: &Mutex<Option<Instant>, PARKED_THREAD>, at: Instant| {
            let mut rings = lock(rings);
            *rings = Some(rings.map_or(at, |earlier| earlier.min(at)));
        };
        let alarm = thread::spawn({
            let (registry, rings) = (Arc::clone(&registry), Arc::clone(&rings));
            move || {
                for _ in 0..2 {
                    *lock(&*rings) = None;
                    if let Some(next) = registry.tick(registry.at(1)) {
                        ring_by(&rings, next);
                    }
                }
            }
        });
        for (sequence, ms) in [(1, 20), (2, 10)] {
            let waker = Waker::noop().clone();
            let at = registry.at(ms);
            if registry.insert(sequence, at, REPLY, false, waker).unwrap() {
                ring_by(&rings, at);
            }
        }
        alarm.join().unwrap();
        assert_eq!(*lock(&*rings), Some(registry.at(10)));
    });
}

/// No more calls are let in than may be, and none is refused while there is room.
///
/// Pins that `admit` compares and adds in one step, and that `remove` makes room.
#[test]
fn exactly_as_many_calls_are_let_in_as_may_be() {
    check(3, || {
        let registry = registry(1);
        let other = thread::spawn({
            let registry = Arc::clone(&registry);
            move || registry.begin(2).is_ok()
        });
        let mine = registry.begin(1).is_ok();
        let theirs = other.join().unwrap();
        assert!(mine ^ theirs);
        assert!(registry.forget(if mine { 1 } else { 2 }));
        registry.assert_empty();
        assert!(registry.begin(3).is_ok());
    });
}
