//! A mutex with a rank, and the condition variable that goes with it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::Duration;

use super::primitives;
use crate::util::lock_order::Held;

/// A mutex whose place in the lock order is part of its type.
///
/// In release builds, and in models, it is nothing but the mutex.
#[derive(Default)]
pub(crate) struct Mutex<T, const RANK: u8>(primitives::Mutex<T>);

impl<T, const RANK: u8> Mutex<T, RANK> {
    pub(crate) fn new(value: T) -> Self {
        Self(primitives::Mutex::new(value))
    }
}

impl<T: fmt::Debug, const RANK: u8> fmt::Debug for Mutex<T, RANK> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Locks `mutex`. A panic of an earlier holder doesn't matter: no user code runs under our locks,
/// and every critical section leaves its data consistent.
///
/// # Panics
/// In debug builds, if this thread holds a lock of the same rank or of a later one.
#[cfg_attr(debug_assertions, track_caller)]
pub(crate) fn lock<L: Lock>(mutex: &L) -> L::Guard<'_> {
    mutex.lock_anyhow()
}

/// Locks `mutex` unless it is locked.
///
/// # Panics
/// As [`lock`].
#[cfg_attr(debug_assertions, track_caller)]
pub(crate) fn try_lock<T, const RANK: u8>(
    mutex: &Mutex<T, RANK>,
) -> Option<MutexGuard<'_, T, RANK>> {
    let held = Held::acquire();
    let guard = match mutex.0.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    Some(MutexGuard { guard, held })
}

/// A mutex as [`lock`] knows it.
pub(crate) trait Lock {
    type Guard<'a>
    where
        Self: 'a;

    fn lock_anyhow(&self) -> Self::Guard<'_>;
}

impl<T, const RANK: u8> Lock for Mutex<T, RANK> {
    type Guard<'a>
        = MutexGuard<'a, T, RANK>
    where
        T: 'a;

    #[cfg_attr(debug_assertions, track_caller)]
    fn lock_anyhow(&self) -> MutexGuard<'_, T, RANK> {
        // Before it may block: a wrong order is found even where no other thread makes a deadlock
        // of it.
        let held = Held::acquire();
        MutexGuard {
            guard: self.0.lock().unwrap_or_else(PoisonError::into_inner),
            held,
        }
    }
}

/// One that is shared.
impl<L: Lock> Lock for Arc<L> {
    type Guard<'a>
        = L::Guard<'a>
    where
        L: 'a;

    #[cfg_attr(debug_assertions, track_caller)]
    fn lock_anyhow(&self) -> L::Guard<'_> {
        self.as_ref().lock_anyhow()
    }
}

/// One without a rank, in tests.
#[cfg(test)]
impl<T> Lock for std::sync::Mutex<T> {
    type Guard<'a>
        = std::sync::MutexGuard<'a, T>
    where
        T: 'a;

    fn lock_anyhow(&self) -> std::sync::MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Unlocks its mutex when dropped.
#[must_use = "the mutex is unlocked at once otherwise"]
pub(crate) struct MutexGuard<'a, T, const RANK: u8> {
    // Dropped first.
    guard: primitives::MutexGuard<'a, T>,
    held: Held<RANK>,
}

impl<T, const RANK: u8> Deref for MutexGuard<'_, T, RANK> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T, const RANK: u8> DerefMut for MutexGuard<'_, T, RANK> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// A condition variable. As any, it may wake a thread for no reason: look at the condition again.
#[derive(Debug, Default)]
pub(crate) struct Condvar {
    condition: primitives::Condvar,
    /// How many threads wait with a timeout.
    #[cfg(kafka_rpc_loom)]
    timed: std::sync::atomic::AtomicUsize,
}

impl Condvar {
    /// Unlocks, waits until notified, and locks again.
    ///
    /// # Panics
    /// In debug builds, if this thread holds a later lock, which would be locked before this one.
    pub(crate) fn wait<'a, T, const RANK: u8>(
        &self,
        guard: MutexGuard<'a, T, RANK>,
    ) -> MutexGuard<'a, T, RANK> {
        let MutexGuard { guard, held } = guard;
        held.assert_is_last();
        let guard = self
            .condition
            .wait(guard)
            .unwrap_or_else(PoisonError::into_inner);
        MutexGuard { guard, held }
    }

    /// The same, for `timeout` at most. In a model no time passes but by `pass_time`, so that a
    /// wake-up that is lost is a deadlock, and found.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub(crate) fn wait_timeout<'a, T, const RANK: u8>(
        &self,
        guard: MutexGuard<'a, T, RANK>,
        timeout: Duration,
    ) -> MutexGuard<'a, T, RANK> {
        let MutexGuard { guard, held } = guard;
        held.assert_is_last();
        #[cfg(kafka_rpc_loom)]
        self.timed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let (guard, _) = self
            .condition
            .wait_timeout(guard, timeout)
            .unwrap_or_else(PoisonError::into_inner);
        #[cfg(kafka_rpc_loom)]
        self.timed.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        MutexGuard { guard, held }
    }

    pub(crate) fn notify_one(&self) {
        self.condition.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.condition.notify_all();
    }

    /// Lets every timeout run out, of threads that wait with one. The caller holds their mutex.
    #[cfg(kafka_rpc_loom)]
    #[cfg(test)]
    pub(crate) fn pass_time<T, const RANK: u8>(&self, _guard: &MutexGuard<'_, T, RANK>) {
        if self.timed.load(std::sync::atomic::Ordering::SeqCst) > 0 {
            self.condition.notify_all();
        }
    }
}
