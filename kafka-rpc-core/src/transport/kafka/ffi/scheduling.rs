//! Has a producer's threads wait for their turn when they are woken.
//!
//! The first of many records wakes the thread that sends them. Linux often lets a thread that has
//! slept run at once, in place of the one that wakes it: where cores are short it would send that
//! one record, sleep again, and be woken by the next one. A thread of the batch policy has the same
//! share of a core and is put on a free one as soon, but takes nobody's place (`sched(7)`).
//!
//! Consumers' threads stay as they are: a broker wakes them, with all that there is.

/// Calls `make`, whose threads wait for their turn. A policy other than the default is left as it is:
/// somebody has chosen it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::transport::kafka) fn with_batch_scheduling<T>(make: impl FnOnce() -> T) -> T {
    // Threads inherit the policy of those that start them.
    let _changed = change(libc::SCHED_OTHER, libc::SCHED_BATCH).then_some(Restore);
    make()
}

/// Calls `make`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::transport::kafka) fn with_batch_scheduling<T>(make: impl FnOnce() -> T) -> T {
    make()
}

/// Gives the calling thread its policy back.
#[cfg(any(target_os = "linux", target_os = "android"))]
struct Restore;

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Drop for Restore {
    fn drop(&mut self) {
        change(libc::SCHED_BATCH, libc::SCHED_OTHER);
    }
}

/// Changes the calling thread's policy; says whether it did. A sandbox may forbid it, and then
/// everything works as well, if slower.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn change(from: libc::c_int, to: libc::c_int) -> bool {
    // SAFETY: the thread is the calling one, and both places are valid. The parameters are plain
    // numbers, for which zero is a value.
    unsafe {
        let this = libc::pthread_self();
        let (mut policy, mut parameters) = (0, std::mem::zeroed());
        libc::pthread_getschedparam(this, &raw mut policy, &raw mut parameters) == 0
            && policy == from
            && libc::pthread_setschedparam(this, to, &raw const parameters) == 0
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread;

    use super::*;

    fn policy() -> libc::c_int {
        // SAFETY: as in `change`.
        let (got, policy) = unsafe {
            let (mut policy, mut parameters) = (0, std::mem::zeroed());
            let this = libc::pthread_self();
            let got = libc::pthread_getschedparam(this, &raw mut policy, &raw mut parameters);
            (got, policy)
        };
        assert_eq!(got, 0);
        policy
    }

    #[test]
    fn only_the_threads_that_are_made_wait_for_their_turn() {
        let started = || thread::spawn(policy).join().expect("it ends");
        let made = with_batch_scheduling(started);
        assert_eq!(made, libc::SCHED_BATCH);
        assert_eq!(
            (policy(), started()),
            (libc::SCHED_OTHER, libc::SCHED_OTHER)
        );
    }
}
