//! What debug builds assert of locks; release builds assert nothing.
#![cfg(all(debug_assertions, not(kafka_rpc_loom)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::*;

/// Three locks in their order.
#[derive(Default)]
struct Locks {
    first: Mutex<u8, 0>,
    second: Mutex<u8, 1>,
    third: Mutex<u8, 2>,
    /// Of the second one's rank.
    twin: Mutex<u8, 1>,
}

/// The text of the panic that `act` ends with, if it does.
fn panic_of(act: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(act)).err()?;
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
}

/// Whether this thread may take any lock, as one that holds none.
fn holds_nothing(locks: &Locks) -> bool {
    panic_of(|| drop(lock(&locks.first))).is_none()
}

#[test]
fn locks_are_taken_in_their_order() {
    let locks = Locks::default();
    let _first = lock(&locks.first);
    let _second = lock(&locks.second);
    let _third = lock(&locks.third);
}

#[test]
fn a_lock_that_comes_too_late_is_refused_by_name() {
    let locks = Locks::default();
    let second = lock(&locks.second);
    let text = panic_of(|| drop(lock(&locks.first))).expect("it is refused");
    assert!(text.contains("GROUP_POLLER is locked while CLIENT_REPLY_PARTITIONS is held"));
    drop(second);
    assert!(holds_nothing(&locks));
}

#[test]
fn of_one_rank_only_one_is_held() {
    let locks = Locks::default();
    let second = lock(&locks.second);
    assert!(panic_of(|| drop(lock(&locks.twin))).is_some());
    drop(second);
    drop(lock(&locks.twin));
}

#[test]
fn guards_may_be_dropped_in_any_order() {
    let locks = Locks::default();
    let first = lock(&locks.first);
    let second = lock(&locks.second);
    let third = lock(&locks.third);
    drop(second);
    assert!(
        panic_of(|| drop(lock(&locks.twin))).is_some(),
        "the third is held"
    );
    drop(third);
    drop(lock(&locks.second));
    drop(first);
    assert!(holds_nothing(&locks));
}

#[test]
fn a_panic_lets_go_of_what_is_held() {
    let locks = Locks::default();
    let text = panic_of(|| {
        let _first = lock(&locks.first);
        let mut third = lock(&locks.third);
        *third = 7;
        panic!("while two locks are held");
    });
    assert_eq!(text.as_deref(), Some("while two locks are held"));
    assert!(holds_nothing(&locks));
    assert_eq!(*lock(&locks.third), 7, "and it is poisoned for nobody");
    assert!(
        panic_of(|| {
            let _third = lock(&locks.third);
            drop(lock(&locks.second));
        })
        .is_some()
    );
}

#[test]
fn a_lock_that_is_taken_while_a_panic_unwinds_is_not_asserted() {
    struct Late<'a>(&'a Locks);

    impl Drop for Late<'_> {
        fn drop(&mut self) {
            *lock(&self.0.first) += 1;
        }
    }

    let locks = Locks::default();
    let text = panic_of(|| {
        let _second = lock(&locks.second);
        let _late = Late(&locks);
        panic!("the only one");
    });
    assert_eq!(
        text.as_deref(),
        Some("the only one"),
        "a second one would abort"
    );
    assert_eq!(*lock(&locks.first), 1);
    assert!(holds_nothing(&locks));
}

#[test]
fn each_thread_has_an_order_of_its_own() {
    let locks = Locks::default();
    let _third = lock(&locks.third);
    thread::scope(|scope| {
        scope.spawn(|| drop(lock(&locks.first)));
    });
}

#[test]
fn a_thread_that_waited_holds_its_lock_again() {
    let locks = Arc::new(Locks::default());
    let condition = Arc::new(Condvar::default());
    let mut second = lock(&locks.second);
    let other = thread::spawn({
        let (locks, condition) = (Arc::clone(&locks), Arc::clone(&condition));
        move || {
            *lock(&locks.second) = 1;
            condition.notify_all();
        }
    });
    while *second == 0 {
        second = condition.wait(second);
    }
    assert!(panic_of(|| drop(lock(&locks.first))).is_some());
    drop(lock(&locks.third));
    drop(second);
    assert!(holds_nothing(&locks));
    other.join().expect("it ends");
}

#[test]
fn nobody_waits_with_a_lock_while_a_later_one_is_held() {
    let locks = Locks::default();
    let condition = Condvar::default();
    let first = lock(&locks.first);
    let second = lock(&locks.second);
    // With the last one it may: the other is locked all the while.
    let second = condition.wait_timeout(second, Duration::ZERO);
    let waited = panic_of(|| drop(condition.wait_timeout(first, Duration::ZERO)));
    assert!(
        waited
            .expect("it is refused")
            .contains("waits with GROUP_POLLER")
    );
    drop(second);
    assert!(holds_nothing(&locks));
}

#[test]
fn a_mutex_takes_no_more_room_than_its_inside() {
    assert_eq!(
        size_of::<Mutex<u64, 3>>(),
        size_of::<std::sync::Mutex<u64>>()
    );
}
