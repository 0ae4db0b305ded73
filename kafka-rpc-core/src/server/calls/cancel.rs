//! Remembers calls that were given up before their commands came.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::wire::CallId;

/// How many cancels are remembered whose commands haven't come.
const EARLY_CANCELS: usize = if cfg!(miri) { 64 } else { 4_096 };
/// For how long.
const EARLY_CANCEL_AGE: Duration = Duration::from_secs(60);

/// Calls that were given up before their commands came.
#[derive(Debug, Default)]
pub(crate) struct EarlyCancels {
    known: HashMap<(u32, usize, CallId), Instant>,
    order: VecDeque<(Instant, (u32, usize, CallId))>,
}

impl EarlyCancels {
    /// Remembers that a call of this service, in this partition, was given up.
    pub(crate) fn add(&mut self, partition: u32, service: usize, call_id: CallId, now: Instant) {
        let key = (partition, service, call_id);
        if self.known.insert(key, now).is_none() {
            self.order.push_back((now, key));
        }
        while let Some(&(at, key)) = self.order.front() {
            let old = now.saturating_duration_since(at) > EARLY_CANCEL_AGE;
            if !old && self.order.len() <= EARLY_CANCELS {
                return;
            }
            self.order.pop_front();
            self.known.remove(&key);
        }
    }

    /// Whether the call was given up lately.
    pub(crate) fn contains(
        &self,
        partition: u32,
        service: usize,
        call_id: CallId,
        now: Instant,
    ) -> bool {
        self.known
            .get(&(partition, service, call_id))
            .is_some_and(|at| now.saturating_duration_since(*at) <= EARLY_CANCEL_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_cancels_are_bounded_and_forgotten() {
        let now = Instant::now();
        let mut cancels = EarlyCancels::default();
        let call = |number| CallId::new([0; 8], number);
        for number in 0..=EARLY_CANCELS as u64 {
            cancels.add(0, 0, call(number), now);
        }
        assert!(!cancels.contains(0, 0, call(0), now));
        assert!(cancels.contains(0, 0, call(1), now));
        assert!(
            !cancels.contains(1, 0, call(1), now),
            "in another partition"
        );
        let later = now + EARLY_CANCEL_AGE + Duration::from_millis(1);
        assert!(!cancels.contains(0, 0, call(1), later));
        cancels.add(0, 0, call(0), later);
        assert_eq!((cancels.known.len(), cancels.order.len()), (1, 1));
    }
}
