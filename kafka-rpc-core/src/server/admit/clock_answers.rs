//! Bounds how many commands a server answers with its clock alone: after a stall nearly all of a backlog
//! has expired, and nobody waits for such answers.

use std::time::{Duration, Instant};

use hashbrown::HashMap;

/// In each second, in all.
const MOST: u32 = 1_000;

/// In each second, to one client instance. It may have many calls in flight before it hears of a server
/// for the first time, and each of them needs an answer.
const MOST_OF_ONE: u32 = 500;

const SECOND: Duration = Duration::from_secs(1);

/// The answers of the second that runs.
#[derive(Debug, Default)]
pub(crate) struct ClockAnswers {
    since: Option<Instant>,
    given: u32,
    /// To each instance; no more of them than answers.
    of: HashMap<[u8; 8], u32>,
}

impl ClockAnswers {
    /// Whether a command of this client instance may be answered now, which then counts.
    pub(crate) fn pass(&mut self, instance: [u8; 8], now: Instant) -> bool {
        let runs = |since| now.saturating_duration_since(since) < SECOND;
        if !self.since.is_some_and(runs) {
            *self = Self {
                since: Some(now),
                ..Self::default()
            };
        }
        if self.given >= MOST {
            return false;
        }
        let of_it = self.of.entry(instance).or_default();
        if *of_it >= MOST_OF_ONE {
            return false;
        }
        *of_it += 1;
        self.given += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_takes_no_answers_from_others() {
        let mut answers = ClockAnswers::default();
        let now = Instant::now();
        let given = (0..5_000).filter(|_| answers.pass([1; 8], now)).count();
        assert_eq!(given, 500);
        assert!(answers.pass([2; 8], now));
        assert!(!answers.pass([1; 8], now + Duration::from_millis(999)));
        assert!(answers.pass([1; 8], now + SECOND));
    }

    #[test]
    fn there_are_a_thousand_a_second_whoever_asks() {
        let mut answers = ClockAnswers::default();
        let now = Instant::now();
        for second in 0..3 {
            let at = now + second * SECOND;
            let given = (0..5_000_u64)
                .filter(|client| answers.pass(client.to_be_bytes(), at))
                .count();
            assert_eq!(given, 1_000);
            assert!(answers.of.len() <= 1_000);
        }
    }
}
