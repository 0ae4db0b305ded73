//! The registry is pure but for its lock: time and events are given to it.

use std::sync::Arc;
use std::task::Wake;

use crate::transport::{TransportError, TransportErrorKind};

use crate::client::pending::*;

const REPLY: Awaits = Awaits::Reply { lane: 0 };

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Fixture {
    registry: Registry,
    start: Instant,
    wakes: Arc<Count>,
}

impl Fixture {
    fn new(capacity: usize) -> Self {
        Self {
            registry: Registry::new(capacity),
            start: Instant::now(),
            wakes: Arc::default(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn insert(&self, sequence: u64, ms: u64) -> Result<bool, Refusal> {
        self.insert_for(sequence, ms, REPLY)
    }

    fn insert_for(&self, sequence: u64, ms: u64, awaits: Awaits) -> Result<bool, Refusal> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let at = self.at(ms);
        self.registry.insert(sequence, at, awaits, false, waker)
    }

    fn poll(&self, sequence: u64) -> Poll<Ending> {
        self.registry.poll(sequence, Waker::noop())
    }

    fn delivered(&self, token: u64, delivery: Delivery) {
        self.registry
            .delivered(token, delivery, || panic!("nobody asks when"));
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_reply_ends_its_call_and_no_other() {
    let f = Fixture::new(10);
    f.insert(1, 100).unwrap();
    f.insert(2, 100).unwrap();
    f.registry.reply(2, b"two", || f.at(5));
    assert_eq!(f.wakes(), 1);
    assert!(f.poll(1).is_pending());
    let Poll::Ready(Ending::Reply { envelope, .. }) = f.poll(2) else {
        panic!("call 2 has its reply");
    };
    assert_eq!(&*envelope, b"two");
    assert_eq!(f.registry.stats().in_flight, 1);
}

#[test]
fn the_first_ending_wins() {
    let f = Fixture::new(10);
    f.insert(1, 100).unwrap();
    f.registry.reply(1, b"first", || f.at(5));
    f.registry.reply(1, b"second", || f.at(6));
    f.registry.tick(f.at(1000));
    f.registry.close();
    assert!(
        matches!(f.poll(1), Poll::Ready(Ending::Reply { envelope, .. }) if &*envelope == b"first")
    );
    let stats = f.registry.stats();
    assert_eq!((stats.answered, stats.duplicate_replies), (1, 1));
    assert_eq!((stats.expired, stats.disconnected), (0, 0));
}

#[test]
fn deadlines_ring_in_order_and_never_early() {
    let f = Fixture::new(10);
    assert_eq!(f.insert(1, 100), Ok(true));
    assert_eq!(f.insert(2, 200), Ok(false));
    assert_eq!(f.insert(3, 50), Ok(true));
    assert_eq!(f.registry.tick(f.at(49)), Some(f.at(50)));
    assert_eq!(f.wakes(), 0);
    assert_eq!(f.registry.tick(f.at(100)), Some(f.at(200)));
    assert_eq!(f.wakes(), 2);
    assert!(matches!(f.poll(1), Poll::Ready(Ending::Expired { .. })));
    assert!(f.poll(2).is_pending());
    assert_eq!(f.registry.tick(f.at(200)), None);
}

#[test]
fn a_late_reply_is_counted_and_reaches_nobody() {
    let f = Fixture::new(10);
    f.insert(1, 100).unwrap();
    f.registry.tick(f.at(100));
    f.registry.reply(1, b"late", || f.at(101));
    assert!(matches!(f.poll(1), Poll::Ready(Ending::Expired { .. })));
    f.registry.reply(1, b"later", || f.at(102));
    assert_eq!(f.registry.stats().late_replies, 2);
    assert_eq!(f.registry.stats().duplicate_replies, 0);
}

#[test]
fn capacity_counts_every_entry_until_its_guard_is_gone() {
    let f = Fixture::new(2);
    f.insert(1, 100).unwrap();
    f.insert(2, 100).unwrap();
    f.registry.reply(1, b"", || f.at(1));
    assert_eq!(f.insert(3, 100), Err(Refusal::Full));
    assert!(f.poll(1).is_ready());
    assert_eq!(f.insert(3, 100), Ok(false));
    assert_eq!(f.registry.stats().refused, 1);
}

#[test]
fn only_a_waiting_call_is_worth_a_cancel() {
    let f = Fixture::new(10);
    f.insert(1, 100).unwrap();
    f.insert(2, 100).unwrap();
    f.registry.reply(2, b"", || f.at(1));
    assert!(f.registry.forget(1));
    assert!(!f.registry.forget(2));
    assert!(!f.registry.forget(3));
    assert_eq!(f.registry.stats().cancelled, 1);
    assert_eq!(f.registry.tick(f.at(1000)), None);
}

#[test]
fn a_gap_ends_only_what_waits_on_its_listener() {
    let f = Fixture::new(10);
    f.insert_for(1, 100, Awaits::Reply { lane: 1 }).unwrap();
    f.insert_for(2, 100, Awaits::Reply { lane: 2 }).unwrap();
    f.insert_for(3, 100, Awaits::Acknowledgement).unwrap();
    f.registry.gap(1);
    assert!(matches!(f.poll(1), Poll::Ready(Ending::Gap)));
    assert!(f.poll(2).is_pending());
    assert!(f.poll(3).is_pending());
    assert_eq!(f.registry.stats().gaps, 1);
}

#[test]
fn closing_ends_every_call_and_admits_none() {
    let f = Fixture::new(10);
    f.insert(1, 100).unwrap();
    f.insert_for(2, 100, Awaits::Acknowledgement).unwrap();
    f.registry.close();
    assert_eq!(f.wakes(), 2);
    assert!(matches!(f.poll(1), Poll::Ready(Ending::Closed)));
    assert!(matches!(f.poll(2), Poll::Ready(Ending::Closed)));
    assert_eq!(f.insert(3, 100), Err(Refusal::Closed));
}

#[test]
fn delivery_reports_decide_between_acknowledged_failed_and_unknown() {
    let f = Fixture::new(10);
    let error = || TransportError::new(TransportErrorKind::Unavailable, "no broker");
    f.insert_for(1, 100, Awaits::Acknowledgement).unwrap();
    f.insert(2, 100).unwrap();
    f.insert(3, 100).unwrap();
    f.insert(4, 100).unwrap();
    f.delivered(1, Delivery::Persisted);
    f.delivered(2, Delivery::Persisted);
    f.delivered(3, Delivery::NotPersisted(error()));
    f.delivered(4, Delivery::Unknown(error()));
    f.delivered(NO_CALL, Delivery::Persisted);
    assert!(matches!(f.poll(1), Poll::Ready(Ending::Acknowledged)));
    assert!(matches!(f.poll(3), Poll::Ready(Ending::NotPersisted(_))));
    assert!(f.poll(4).is_pending());
    f.registry.tick(f.at(100));
    assert!(matches!(
        f.poll(2),
        Poll::Ready(Ending::Expired {
            persisted: true,
            trouble: None
        })
    ));
    assert!(matches!(
        f.poll(4),
        Poll::Ready(Ending::Expired { persisted: false, trouble: Some(text) }) if &*text == "no broker"
    ));
}

#[test]
fn a_timed_call_learns_when_its_command_was_acknowledged_and_its_reply_came() {
    let f = Fixture::new(10);
    for (sequence, timed) in [(1, true), (2, true), (3, false)] {
        let waker = Waker::noop().clone();
        f.registry
            .insert(sequence, f.at(100), REPLY, timed, waker)
            .unwrap();
    }
    f.registry.delivered(1, Delivery::Persisted, || f.at(3));
    f.registry.reply(1, b"", || f.at(5));
    f.registry.reply(2, b"", || f.at(5));
    f.registry.delivered(2, Delivery::Persisted, || f.at(6));
    f.registry.reply(3, b"", || panic!("nobody asks when"));
    let times = |ending| match ending {
        Poll::Ready(Ending::Reply { arrival, .. }) => {
            arrival.map(|arrival| (arrival.at, arrival.acknowledged))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(times(f.poll(1)), Some((f.at(5), Some(f.at(3)))));
    assert_eq!(times(f.poll(2)), Some((f.at(5), None)));
    assert_eq!(times(f.poll(3)), None);
}

#[test]
fn a_burst_leaves_no_capacity_behind() {
    let f = Fixture::new(usize::MAX);
    let calls = if cfg!(miri) { 2_000 } else { 100_000 };
    for sequence in 0..calls {
        f.insert(sequence, 100).unwrap();
    }
    f.registry.tick(f.at(100));
    for sequence in 0..calls {
        assert!(f.poll(sequence).is_ready());
    }
    assert_eq!(f.registry.entries.0.load(Ordering::SeqCst), 0);
    for shard in &f.registry.shards {
        let (calls, deadlines) = lock(&shard.0).capacity();
        assert!(calls <= 128 && deadlines <= 256, "{calls}, {deadlines}");
    }
}

#[test]
fn every_started_call_is_counted_once_at_its_end() {
    let f = Fixture::new(10);
    for sequence in 0..6 {
        f.insert(sequence, 100).unwrap();
    }
    f.registry.reply(0, b"", || f.at(1));
    f.registry.forget(1);
    f.registry.withdraw(2);
    f.registry.gap(0);
    f.insert(6, 100).unwrap();
    f.registry.tick(f.at(100));
    let stats = f.registry.stats();
    let ended =
        stats.answered + stats.cancelled + stats.failed + stats.disconnected + stats.expired;
    assert_eq!((stats.started, ended, stats.in_flight), (7, 7, 0));
}

#[test]
fn a_call_that_ended_before_its_command_was_refused_is_counted_once() {
    let f = Fixture::new(10);
    f.insert(1, 100).unwrap();
    f.registry.close();
    f.registry.withdraw(1);
    let stats = f.registry.stats();
    assert_eq!((stats.started, stats.disconnected, stats.failed), (1, 1, 0));
}

/// A task that only its waker keeps alive, and that holds a call of its own.
struct Task {
    registry: std::sync::Weak<Registry>,
    holds: u64,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.forget(self.holds);
        }
    }
}

/// Runs `act` on a registry where call 1 has the last reference to a task that holds call 2.
fn with_a_task_in_the_registry(act: fn(&Registry)) {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let registry = Arc::new(Registry::new(10));
        let task = Arc::new(Task {
            registry: Arc::downgrade(&registry),
            holds: 2,
        });
        let later = Instant::now() + Duration::from_secs(1);
        for (sequence, waker) in [(2, Waker::noop().clone()), (1, Waker::from(task))] {
            registry
                .insert(sequence, later, Awaits::Reply { lane: 0 }, false, waker)
                .unwrap();
        }
        act(&registry);
        done.send(registry.stats().in_flight).unwrap();
    });
    let in_flight = finished.recv_timeout(Duration::from_secs(5));
    assert!(in_flight.is_ok_and(|left| left <= 1), "no deadlock");
}

#[test]
fn a_replaced_waker_may_drop_other_calls() {
    with_a_task_in_the_registry(|registry| {
        assert!(registry.poll(1, Waker::noop()).is_pending());
    });
}

#[test]
fn the_waker_of_a_dropped_call_may_drop_other_calls() {
    with_a_task_in_the_registry(|registry| assert!(registry.forget(1)));
}

#[test]
fn the_waker_of_a_withdrawn_call_may_drop_other_calls() {
    with_a_task_in_the_registry(|registry| registry.withdraw(1));
}
