//! What holds of the registry when several threads use all its shards at once.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crate::client::pending::*;

const WAITS: Awaits = Awaits::Reply { lane: 0 };

fn insert(registry: &Registry, sequence: u64, deadline: Instant) -> Result<bool, Refusal> {
    let waker = Waker::noop().clone();
    registry.insert(sequence, deadline, WAITS, false, waker)
}

#[test]
fn exactly_as_many_calls_are_let_in_as_may_be() {
    let registry = Registry::new(1_000);
    let deadline = Instant::now() + Duration::from_secs(1);
    thread::scope(|scope| {
        for thread in 0..4 {
            let registry = &registry;
            scope.spawn(move || {
                for sequence in (thread..4_000).step_by(4) {
                    let _ = insert(registry, sequence, deadline);
                }
            });
        }
    });
    let stats = registry.stats();
    assert_eq!((stats.started, stats.refused), (1_000, 3_000));
    registry.close();
    let ended = (0..4_000).filter(|call| registry.poll(*call, Waker::noop()).is_ready());
    assert_eq!(ended.count(), 4_000);
    assert_eq!(registry.entries.0.load(Ordering::SeqCst), 0);
    assert_eq!(registry.stats().disconnected, 1_000);
}

#[test]
fn every_call_ends_once_whoever_is_first() {
    const CALLS: u64 = 20_000;
    let registry = Arc::new(Registry::new(usize::MAX));
    let start = Instant::now();
    let deadline = |call: u64| start + Duration::from_micros(call);
    let (sent, commands) = mpsc::channel();
    let (answered, ended) = mpsc::channel();
    thread::scope(|scope| {
        let sharing = Arc::clone(&registry);
        scope.spawn(move || {
            for call in 0..CALLS {
                insert(&sharing, call, deadline(call)).unwrap();
                sent.send(call).unwrap();
            }
        });
        let sharing = Arc::clone(&registry);
        scope.spawn(move || {
            for call in commands {
                // The alarm is about as fast as the replies, and always ends some calls.
                if call % 3 == 0 {
                    sharing.tick(deadline(call));
                }
                sharing.delivered(call, Delivery::Persisted, || start);
                sharing.reply(call, b"", || start);
                answered.send(call).unwrap();
            }
        });
        let sharing = Arc::clone(&registry);
        scope.spawn(move || {
            for call in ended {
                assert!(sharing.poll(call, Waker::noop()).is_ready());
            }
        });
    });
    let stats = registry.stats();
    assert_eq!(stats.answered + stats.expired, CALLS);
    assert!(stats.answered > 0 && stats.expired > 0);
    assert_eq!(stats.late_replies, stats.expired);
    assert_eq!((stats.in_flight, stats.duplicate_replies), (0, 0));
    assert_eq!(registry.entries.0.load(Ordering::SeqCst), 0);
}

#[test]
fn the_alarm_knows_of_the_earliest_deadline_whenever_it_ticks() {
    const CALLS: u64 = 20_000;
    let registry = Registry::new(usize::MAX);
    let start = Instant::now() + Duration::from_secs(3_600);
    // As in the alarms: a tick's time is taken out before the tick.
    let rings = Mutex::new(None::<Instant>);
    let ring_by = |at: Instant| {
        let mut rings = lock(&rings);
        *rings = Some(rings.map_or(at, |earlier| earlier.min(at)));
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                *lock(&rings) = None;
                if let Some(next) = registry.tick(start - Duration::from_secs(1)) {
                    ring_by(next);
                }
            }
        });
        for call in (0..CALLS).rev() {
            let deadline = start + Duration::from_millis(call);
            if insert(&registry, call, deadline).unwrap() {
                ring_by(deadline);
            }
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(*lock(&rings), Some(start));
}
