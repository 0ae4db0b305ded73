//! Remembers calls that were started, so that a command that comes twice is run once.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// How many ended calls are remembered, how many bytes of replies, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    pub(super) age: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            entries: 65_536,
            bytes: 64 << 20,
            age: Duration::from_secs(10 * 60),
        }
    }
}

/// What is known of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It waits or runs; its own reply will come.
    InProgress,
    /// It ended. The reply, if it had one, can be sent again.
    Ended(Option<Bytes>),
}

/// Calls in progress, and the latest of those that ended.
///
/// Calls in progress are never forgotten; capacity bounds them. Of those that ended the oldest go
/// first.
#[derive(Debug)]
pub(super) struct Dedupe<K> {
    bounds: Bounds,
    known: HashMap<K, Known>,
    ended: VecDeque<(Instant, K)>,
    bytes: usize,
}

impl<K: Copy + Eq + Hash> Dedupe<K> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            known: HashMap::new(),
            ended: VecDeque::new(),
            bytes: 0,
        }
    }

    /// What is known of this call; if nothing, it is in progress from now on.
    pub(super) fn begin(&mut self, key: K, now: Instant) -> Option<Known> {
        self.expire(now);
        match self.known.get(&key) {
            Some(known) => Some(known.clone()),
            None => {
                self.known.insert(key, Known::InProgress);
                None
            }
        }
    }

    /// The call has ended, with this reply if it has one. Ignored unless the call is in progress.
    pub(super) fn end(&mut self, key: K, reply: Option<Bytes>, now: Instant) {
        let Some(known @ Known::InProgress) = self.known.get_mut(&key) else {
            return;
        };
        self.bytes += reply.as_ref().map_or(0, Bytes::len);
        *known = Known::Ended(reply);
        self.ended.push_back((now, key));
        self.expire(now);
    }

    /// Forgets the calls that `of` picks, whatever their state.
    pub(super) fn forget(&mut self, of: impl Fn(&K) -> bool) {
        let bytes = &mut self.bytes;
        self.known.retain(|key, known| {
            let stays = !of(key);
            if !stays {
                *bytes -= size(known);
            }
            stays
        });
        self.ended.retain(|(_, key)| !of(key));
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.ended.front() {
            let full = self.ended.len() > self.bounds.entries || self.bytes > self.bounds.bytes;
            if !full && now.saturating_duration_since(at) <= self.bounds.age {
                return;
            }
            self.ended.pop_front();
            if let Some(known) = self.known.remove(&key) {
                self.bytes -= size(&known);
            }
        }
    }
}

fn size(known: &Known) -> usize {
    match known {
        Known::Ended(Some(reply)) => reply.len(),
        Known::InProgress | Known::Ended(None) => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dedupe() -> Dedupe<u32> {
        Dedupe::new(Bounds {
            entries: 3,
            bytes: 10,
            age: Duration::from_secs(60),
        })
    }

    fn reply(length: usize) -> Option<Bytes> {
        Some(Bytes::from(vec![1; length]))
    }

    #[test]
    fn a_call_is_new_once() {
        let now = Instant::now();
        let mut dedupe = dedupe();
        assert_eq!(dedupe.begin(1, now), None);
        assert_eq!(dedupe.begin(1, now), Some(Known::InProgress));
        dedupe.end(1, reply(4), now);
        assert_eq!(dedupe.begin(1, now), Some(Known::Ended(reply(4))));
        dedupe.end(1, reply(5), now);
        assert_eq!(dedupe.begin(1, now), Some(Known::Ended(reply(4))));
    }

    #[test]
    fn forgets_the_oldest_of_too_many_and_never_one_in_progress() {
        let now = Instant::now();
        let mut dedupe = dedupe();
        assert_eq!(dedupe.begin(0, now), None);
        for key in 1..=4 {
            assert_eq!(dedupe.begin(key, now), None);
            dedupe.end(key, None, now);
        }
        assert_eq!(dedupe.begin(0, now), Some(Known::InProgress));
        assert_eq!(dedupe.begin(2, now), Some(Known::Ended(None)));
        assert_eq!(dedupe.begin(1, now), None);
    }

    #[test]
    fn forgets_what_is_old() {
        let now = Instant::now();
        let mut dedupe = dedupe();
        assert_eq!(dedupe.begin(1, now), None);
        dedupe.end(1, None, now);
        let kept = now + Duration::from_secs(60);
        assert_eq!(dedupe.begin(1, kept), Some(Known::Ended(None)));
        assert_eq!(dedupe.begin(1, kept + Duration::from_nanos(1)), None);
    }

    proptest! {
        #[test]
        fn stays_within_its_bounds(
            steps in prop::collection::vec((0..4_u8, 0..12_u32, 0..8_usize), 1..300),
        ) {
            let now = Instant::now();
            let mut dedupe = dedupe();
            for (step, key, length) in steps {
                match step {
                    0 | 1 => { dedupe.begin(key, now); }
                    2 => dedupe.end(key, reply(length), now),
                    _ => dedupe.forget(|other| other % 4 == key % 4),
                }
                let held: usize = dedupe.known.values().map(size).sum();
                let ended = dedupe.known.values().filter(|known| **known != Known::InProgress).count();
                prop_assert_eq!(dedupe.bytes, held);
                prop_assert_eq!(dedupe.ended.len(), ended);
                prop_assert!(held <= 10 && ended <= 3);
            }
        }
    }
}
