//! How long this machine was suspended: two of its clocks differ in nothing else.

use std::time::Duration;

/// Reads that are no further apart tell it well enough.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SAME_MOMENT: Duration = Duration::from_micros(500);

/// How often a thread that is held up between two reads tries again.
#[cfg(any(target_os = "linux", target_os = "android"))]
const ATTEMPTS: usize = 10;

/// How long the machine was suspended since its boot; `None` if it doesn't say.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::transport::kafka) fn suspended() -> Option<Duration> {
    for _ in 0..ATTEMPTS {
        let before = read(libc::CLOCK_MONOTONIC)?;
        let with_suspensions = read(libc::CLOCK_BOOTTIME)?;
        let after = read(libc::CLOCK_MONOTONIC)?;
        if after.saturating_sub(before) <= SAME_MOMENT {
            return Some(with_suspensions.saturating_sub(before));
        }
    }
    None
}

/// Nothing says it here.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::transport::kafka) fn suspended() -> Option<Duration> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn read(clock: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the place is valid, and only written to.
    let read = unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    (read == 0).then(|| Duration::new(seconds, nanos))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_runs_a_test_is_not_suspended() {
        let before = suspended().expect("Linux says it");
        let after = suspended().expect("Linux says it");
        assert!(before.abs_diff(after) <= 2 * SAME_MOMENT);
    }
}
