//! Remembers calls that were started, so that a command that comes twice is run once.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

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
    Ended(Option<Vec<u8>>),
}

/// Calls in progress, with what finds them (`L`), and the latest of those that ended.
///
/// Calls in progress are never forgotten; capacity bounds them. Of those that ended the oldest go
/// first: they lie in a queue, their replies in one buffer, and a table of numbers finds them. Every
/// call passes through here, and memory that is touched in order is what that costs least in.
#[derive(Debug)]
pub(super) struct Dedupe<K, L> {
    bounds: Bounds,
    live: HashMap<K, L>,
    ended: VecDeque<Ended<K>>,
    /// The number of the first of `ended`; numbers wrap.
    first: u32,
    /// Numbers of ended calls, by the hash of their keys.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// The replies of `ended`, one after another.
    replies: VecDeque<u8>,
    /// How many bytes of replies came before those.
    forgotten: u64,
}

#[derive(Debug)]
struct Ended<K> {
    at: Instant,
    key: K,
    /// Whether it is still to be found.
    known: bool,
    /// Where its reply begins, among all bytes that there ever were.
    start: u64,
    /// `None` if it had no reply.
    length: Option<usize>,
}

impl<K: Copy + Eq + Hash, L> Dedupe<K, L> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            live: HashMap::new(),
            ended: VecDeque::new(),
            first: 0,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            replies: VecDeque::new(),
            forgotten: 0,
        }
    }

    /// What is known of this call, if anything.
    pub(super) fn known(&mut self, key: &K, now: Instant) -> Option<Known> {
        self.expire(now);
        if self.live.contains_key(key) {
            return Some(Known::InProgress);
        }
        let number = *self.index.find(self.hasher.hash_one(key), |number| {
            self.ended[self.place(*number)].key == *key
        })?;
        let ended = &self.ended[self.place(number)];
        Some(Known::Ended(ended.length.map(|length| {
            let start = usize::try_from(ended.start - self.forgotten).unwrap_or(usize::MAX);
            self.replies.range(start..start + length).copied().collect()
        })))
    }

    /// The call, of which nothing was known, is in progress from now on.
    pub(super) fn begin(&mut self, key: K, live: L) {
        self.live.insert(key, live);
    }

    /// What finds the call, if it is in progress.
    pub(super) fn in_progress(&mut self, key: &K) -> Option<&mut L> {
        self.live.get_mut(key)
    }

    /// All calls in progress.
    pub(super) fn all_in_progress(&self) -> impl Iterator<Item = (&K, &L)> {
        self.live.iter()
    }

    /// The call has ended, with this reply if it has one. Ignored unless the call is in progress.
    pub(super) fn end(&mut self, key: K, reply: Option<&[u8]>, now: Instant) {
        if self.live.remove(&key).is_none() {
            return;
        }
        let number = self
            .first
            .wrapping_add(u32::try_from(self.ended.len()).unwrap_or(u32::MAX));
        self.ended.push_back(Ended {
            at: now,
            key,
            known: true,
            start: self.forgotten + self.replies.len() as u64,
            length: reply.map(<[u8]>::len),
        });
        self.replies.extend(reply.unwrap_or_default());
        let Self {
            index,
            ended,
            hasher,
            first,
            ..
        } = self;
        index.insert_unique(hasher.hash_one(key), number, |number| {
            hasher.hash_one(ended[number.wrapping_sub(*first) as usize].key)
        });
        self.expire(now);
    }

    /// Forgets the calls that `of` picks, whatever their state.
    pub(super) fn forget(&mut self, of: impl Fn(&K) -> bool) {
        self.live.retain(|key, _| !of(key));
        let (ended, first) = (&mut self.ended, self.first);
        self.index.retain(|number| {
            let ended = &mut ended[number.wrapping_sub(first) as usize];
            ended.known = !of(&ended.key);
            ended.known
        });
    }

    fn place(&self, number: u32) -> usize {
        number.wrapping_sub(self.first) as usize
    }

    fn expire(&mut self, now: Instant) {
        while let Some(oldest) = self.ended.front() {
            let full =
                self.ended.len() > self.bounds.entries || self.replies.len() > self.bounds.bytes;
            if !full && now.saturating_duration_since(oldest.at) <= self.bounds.age {
                return;
            }
            let hash = self.hasher.hash_one(oldest.key);
            if oldest.known
                && let Ok(entry) = self.index.find_entry(hash, |number| *number == self.first)
            {
                entry.remove();
            }
            let length = oldest.length.unwrap_or(0);
            self.replies.drain(..length);
            self.forgotten += length as u64;
            self.first = self.first.wrapping_add(1);
            self.ended.pop_front();
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

    fn reply(length: usize) -> Option<Vec<u8>> {
        Some(vec![1; length])
    }

    #[test]
    fn a_call_is_new_once() {
        let now = Instant::now();
        let mut dedupe = dedupe();
        assert_eq!(begin(&mut dedupe, 1, now), None);
        assert_eq!(begin(&mut dedupe, 1, now), Some(Known::InProgress));
        dedupe.end(1, reply(4).as_deref(), now);
        assert_eq!(begin(&mut dedupe, 1, now), Some(Known::Ended(reply(4))));
        dedupe.end(1, reply(5).as_deref(), now);
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
                    2 => dedupe.end(key, reply(length).as_deref(), now),
                    _ => dedupe.forget(|other| other % 4 == key % 4),
                }
                let held = dedupe.replies.len();
                let ended = dedupe.ended.len();
                let known = dedupe.ended.iter().filter(|ended| ended.known).count();
                prop_assert_eq!(dedupe.index.len(), known);
                prop_assert!(held <= 10 && ended <= 3);
            }
        }
    }
}
