//! Logs a cause at most once every 10 s, with how often it was suppressed before.
//!
//! Whatever a peer, or a broker's absence, can make happen again and again goes through this. Where a
//! process has many clients of one cluster, the same cause is one for all of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::util::lock_order::THROTTLE;
use crate::util::sync::{Mutex, lock};

/// The time between two lines of one cause.
const PAUSE: Duration = Duration::from_secs(10);

/// As many causes are told apart; further ones are taken for one.
const MAX_CAUSES: usize = 1_024;

/// One cause.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Instant>,
    suppressed: u64,
}

impl Throttle {
    /// How many lines were suppressed since the last one; `None` if this one is to be suppressed, too.
    pub(crate) fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.is_recent(now) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }

    fn is_recent(&self, now: Instant) -> bool {
        self.last
            .is_some_and(|last| now.saturating_duration_since(last) < PAUSE)
    }
}

/// Causes by their names.
#[derive(Debug, Default)]
struct Causes {
    known: HashMap<String, Throttle>,
    others: Throttle,
}

impl Causes {
    fn pass(&mut self, cause: String, now: Instant) -> Option<u64> {
        if let Some(throttle) = self.known.get_mut(&cause) {
            return throttle.pass(now);
        }
        if self.known.len() >= MAX_CAUSES {
            self.known.retain(|_, throttle| throttle.is_recent(now));
        }
        if self.known.len() >= MAX_CAUSES {
            return self.others.pass(now);
        }
        self.known.entry(cause).or_default().pass(now)
    }
}

/// How many lines of this cause were suppressed in this process since the last one; `None` if this one
/// is to be suppressed, too.
pub(crate) fn pass(cause: fmt::Arguments<'_>) -> Option<u64> {
    static CAUSES: OnceLock<Mutex<Causes, THROTTLE>> = OnceLock::new();
    // By the real clock: lines are read in real time, whatever time a test's transport has.
    lock(CAUSES.get_or_init(Mutex::default)).pass(cause.to_string(), Instant::now())
}

/// A text without what differs between two lines of one cause: its numbers.
pub(crate) struct Pattern<'a>(pub(crate) &'a str);

impl fmt::Display for Pattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
            // Of a number, too: librdkafka's brokers without an id are -1.
            let before = &rest[..at];
            f.write_str(before.strip_suffix('-').unwrap_or(before))?;
            f.write_str("#")?;
            rest = rest[at..].trim_start_matches(|c: char| c.is_ascii_digit());
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_passes_once_in_a_while_and_the_others_are_counted() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        assert_eq!(throttle.pass(now), Some(0));
        for _ in 0..7 {
            assert_eq!(throttle.pass(now + PAUSE / 2), None);
        }
        assert_eq!(throttle.pass(now + PAUSE), Some(7));
        assert_eq!(throttle.pass(now + PAUSE), None);
    }

    #[test]
    fn causes_do_not_suppress_each_other_and_are_bounded() {
        let mut causes = Causes::default();
        let now = Instant::now();
        for cause in 0..MAX_CAUSES {
            assert_eq!(causes.pass(cause.to_string(), now), Some(0));
        }
        assert_eq!(causes.pass("0".to_owned(), now), None);
        assert_eq!(causes.pass("one more".to_owned(), now), Some(0));
        assert_eq!(causes.pass("and another".to_owned(), now), None);
        assert_eq!(causes.known.len(), MAX_CAUSES);
        // Those that are over make room.
        let later = now + PAUSE;
        assert_eq!(causes.pass("a third".to_owned(), later), Some(0));
        assert_eq!(causes.known.len(), 1);
    }

    #[test]
    fn numbers_make_no_other_cause() {
        let pattern = |text: &str| Pattern(text).to_string();
        assert_eq!(
            pattern("after 123ms, 4 times"),
            pattern("after 5ms, 67 times")
        );
        assert_eq!(pattern("(broker 1, idle)"), pattern("(broker -1, idle)"));
        assert_ne!(pattern("refused 1"), pattern("reset 1"));
        assert_eq!(pattern("12"), pattern("3"));
        assert_eq!(pattern("none"), "none");
    }
}
