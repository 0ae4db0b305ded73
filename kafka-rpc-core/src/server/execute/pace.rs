//! How quick the handlers of a method have been.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// Handlers that take no longer are quick: another thread would hardly save time.
const QUICK: Duration = Duration::from_micros(50);

/// One that takes so long held others up.
const SLOW: Duration = Duration::from_millis(1);

/// So many quick handlers in a row promote a method to run inline.
const PROMOTED: u8 = 8;

/// A method's score grows no further than this.
const MOST: u8 = 24;

/// What a handler that isn't quick costs of it.
const DEMOTION: u8 = 8;

/// Decides whether a method's handlers run inline, by how quick the last ones were.
#[derive(Debug, Default)]
pub(crate) struct Pace(AtomicU8);

impl Pace {
    /// Whether the method's handlers have been quick again and again.
    pub(crate) fn is_quick(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= PROMOTED
    }

    /// A handler took so long, and so many polls.
    pub(crate) fn note(&self, took: Duration, polls: u32) {
        // Of two that end at once one may go uncounted.
        let score = self.0.load(Ordering::Relaxed);
        let now = if took >= SLOW {
            0
        } else if took > QUICK || polls > 1 {
            score.saturating_sub(DEMOTION)
        } else {
            (score + 1).min(MOST)
        };
        if now != score {
            self.0.store(now, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_were_quick_again_and_again_are_promoted() {
        let pace = Pace::default();
        for _ in 0..PROMOTED {
            assert!(!pace.is_quick());
            pace.note(QUICK, 1);
        }
        assert!(pace.is_quick());
        pace.note(QUICK, 2);
        assert!(!pace.is_quick(), "it had to wait for something");
    }

    #[test]
    fn a_method_is_demoted_faster_than_promoted() {
        let pace = Pace::default();
        for _ in 0..200 {
            pace.note(QUICK, 1);
        }
        pace.note(QUICK + Duration::from_micros(1), 1);
        assert!(pace.is_quick(), "a thread may lose its core once");
        pace.note(SLOW, 1);
        assert!(!pace.is_quick());
    }
}
