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

/// Calls in progress, with what finds them (`L`), and the latest of those that ended.
///
/// Calls in progress are never forgotten; capacity bounds them. Of those that ended the oldest go
/// first.
#[derive(Debug)]
pub(super) struct Dedupe<K, L> {
    bounds: Bounds,
    known: HashMap<K, Entry<L>>,
    ended: VecDeque<(Instant, K)>,
    bytes: usize,
}

#[derive(Debug)]
enum Entry<L> {
    InProgress(L),
    Ended(Option<Bytes>),
}

impl<L> Entry<L> {
    fn size(&self) -> usize {
        match self {
            Self::Ended(Some(reply)) => reply.len(),
            Self::InProgress(_) | Self::Ended(None) => 0,
        }
    }
}

impl<K: Copy + Eq + Hash, L> Dedupe<K, L> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            known: HashMap::new(),
            ended: VecDeque::new(),
            bytes: 0,
        }
    }

    /// What is known of this call, if anything.
    pub(super) fn known(&mut self, key: &K, now: Instant) -> Option<Known> {
        self.expire(now);
        self.known.get(key).map(|entry| match entry {
            Entry::InProgress(_) => Known::InProgress,
            Entry::Ended(reply) => Known::Ended(reply.clone()),
        })
    }

    /// The call, of which nothing was known, is in progress from now on.
    pub(super) fn begin(&mut self, key: K, live: L) {
        self.known.insert(key, Entry::InProgress(live));
    }

    /// What finds the call, if it is in progress.
    pub(super) fn in_progress(&mut self, key: &K) -> Option<&mut L> {
        match self.known.get_mut(key) {
            Some(Entry::InProgress(live)) => Some(live),
            Some(Entry::Ended(_)) | None => None,
        }
    }

    /// All calls in progress.
    pub(super) fn all_in_progress(&self) -> impl Iterator<Item = (&K, &L)> {
        self.known.iter().filter_map(|(key, entry)| match entry {
            Entry::InProgress(live) => Some((key, live)),
            Entry::Ended(_) => None,
        })
    }

    /// The call has ended, with this reply if it has one. Ignored unless the call is in progress.
    pub(super) fn end(&mut self, key: K, reply: Option<Bytes>, now: Instant) {
        let Some(entry @ Entry::InProgress(_)) = self.known.get_mut(&key) else {
            return;
        };
        self.bytes += reply.as_ref().map_or(0, Bytes::len);
        *entry = Entry::Ended(reply);
        self.ended.push_back((now, key));
        self.expire(now);
    }

    /// Forgets the calls that `of` picks, whatever their state.
    pub(super) fn forget(&mut self, of: impl Fn(&K) -> bool) {
        let bytes = &mut self.bytes;
        self.known.retain(|key, entry| {
            let stays = !of(key);
            if !stays {
                *bytes -= entry.size();
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
            if let Some(entry) = self.known.remove(&key) {
                self.bytes -= entry.size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dedupe() -> Dedupe<u32, ()> {
        Dedupe::new(Bounds {
            entries: 3,
            bytes: 10,
            age: Duration::from_secs(60),
        })
    }

    fn begin(dedupe: &mut Dedupe<u32, ()>, key: u32, now: Instant) -> Option<Known> {
        let known = dedupe.known(&key, now);
        if known.is_none() {
            dedupe.begin(key, ());
        }
        known
    }

    fn reply(length: usize) -> Option<Bytes> {
        Some(Bytes::from(vec![1; length]))
    }

    #[test]
    fn a_call_is_new_once() {
        let now = Instant::now();
        let mut dedupe = dedupe();
        assert_eq!(begin(&mut dedupe, 1, now), None);
        assert_eq!(begin(&mut dedupe, 1, now), Some(Known::InProgress));
        dedupe.end(1, reply(4), now);
        assert_eq!(begin(&mut dedupe, 1, now), Some(Known::Ended(reply(4))));
        dedupe.end(1, reply(5), now);
        assert_eq!(begin(&mut dedupe, 1, now), Some(Known::Ended(reply(4))));
    }

    #[test]
    fn forgets_the_oldest_of_too_many_and_never_one_in_progress() {
        let now = Instant::now();
        let mut dedupe = dedupe();
        assert_eq!(begin(&mut dedupe, 0, now), None);
        for key in 1..=4 {
            assert_eq!(begin(&mut dedupe, key, now), None);
            dedupe.end(key, None, now);
        }
        assert_eq!(begin(&mut dedupe, 0, now), Some(Known::InProgress));
        assert_eq!(begin(&mut dedupe, 2, now), Some(Known::Ended(None)));
        assert_eq!(begin(&mut dedupe, 1, now), None);
    }

    #[test]
    fn forgets_what_is_old() {
        let now = Instant::now();
        let mut dedupe = dedupe();
        assert_eq!(begin(&mut dedupe, 1, now), None);
        dedupe.end(1, None, now);
        let kept = now + Duration::from_secs(60);
        assert_eq!(begin(&mut dedupe, 1, kept), Some(Known::Ended(None)));
        assert_eq!(begin(&mut dedupe, 1, kept + Duration::from_nanos(1)), None);
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
                    0 | 1 => { begin(&mut dedupe, key, now); }
                    2 => dedupe.end(key, reply(length), now),
                    _ => dedupe.forget(|other| other % 4 == key % 4),
                }
                let held: usize = dedupe.known.values().map(Entry::size).sum();
                let ended = dedupe.known.values().filter(|entry| matches!(entry, Entry::Ended(_))).count();
                prop_assert_eq!(dedupe.bytes, held);
                prop_assert_eq!(dedupe.ended.len(), ended);
                prop_assert!(held <= 10 && ended <= 3);
            }
        }
    }
}
