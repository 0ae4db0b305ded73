//! Whether a topic is still the one that it was.
//!
//! A topic that was deleted and made anew has the same name and other records at the same offsets. Whoever
//! stands still meanwhile, or hears of it only when the new topic has as many records as were read, would
//! go on in its middle without a word. So the topic's id is asked for from time to time.

use std::time::{Duration, Instant};

use crate::transport::kafka::ffi::{Found, Positions};

/// The number of these questions.
pub(super) const NUMBER: usize = usize::MAX - 1;

/// The time between two questions.
const INTERVAL: Duration = Duration::from_secs(4);

/// The identity of a topic, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Identity {
    id: Option<u128>,
    last: Option<Instant>,
    /// An answer is to come.
    asks: bool,
}

impl Identity {
    /// Asks anew when it is time.
    pub(super) fn ask(&mut self, positions: &Positions, topic: &str) {
        if self.asks || self.last.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        self.asks = positions.ask_id(topic, NUMBER);
    }

    /// Reads an answer; says whether the name is another topic's now.
    pub(super) fn take(&mut self, found: &Found) -> bool {
        self.asks = false;
        let Found::Id(Some(id)) = *found else {
            return false;
        };
        self.id.replace(id).is_some_and(|before| before != id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_id_is_another_topic() {
        let mut identity = Identity::default();
        let mut take = |id| identity.take(&Found::Id(id));
        assert!(!take(None));
        assert!(!take(Some(1)));
        assert!(!take(None), "it isn't there, or no broker tells");
        assert!(!take(Some(1)));
        assert!(take(Some(2)));
        assert!(!take(Some(2)));
    }
}
