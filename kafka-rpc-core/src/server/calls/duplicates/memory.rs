//! Remembers ended calls in memory.

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Duplicates, Remembered};
use crate::server::calls::CallKey;

/// How many ended calls are remembered at most, how many bytes of replies, and for how long. At least
/// half as many are remembered, if they aren't too old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
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

/// A call's key, which says itself where it belongs in a table.
pub(crate) trait Key: Copy + Eq {
    /// A hash whose low bits are those of the place. Calls that come one after another are found
    /// fastest if their places lie side by side; strangers must not be able to tell where they lie.
    fn place(&self, hasher: &DefaultHashBuilder) -> u64;
}

/// The latest of the calls that ended.
///
/// They are forgotten a segment at a time. Every call passes through here, and memory that is
/// written in order, and given up as a whole, costs least.
#[derive(Debug)]
pub(crate) struct Memory<K = CallKey> {
    bounds: Bounds,
    young: Segment<K>,
    old: Segment<K>,
    hasher: DefaultHashBuilder,
}

/// Calls that ended one after another.
#[derive(Debug)]
struct Segment<K> {
    ended: Vec<Ended<K>>,
    /// Places of those that are still to be found, by the hash of their keys.
    index: HashTable<u32>,
    /// Their replies, one after another.
    replies: Vec<u8>,
}

#[derive(Debug)]
struct Ended<K> {
    key: K,
    at: Instant,
    /// Where its reply is among all; `None` if it had none.
    reply: Option<(u32, u32)>,
}

impl<K> Default for Segment<K> {
    fn default() -> Self {
        Self {
            ended: Vec::new(),
            index: HashTable::new(),
            replies: Vec::new(),
        }
    }
}

impl<K: Key> Segment<K> {
    fn find(&self, hash: u64, key: &K) -> Option<&Ended<K>> {
        let place = self.index.find(hash, |place| self.at(*place).key == *key)?;
        Some(self.at(*place))
    }

    fn at(&self, place: u32) -> &Ended<K> {
        &self.ended[place as usize]
    }

    fn push(&mut self, key: K, reply: Option<&[u8]>, now: Instant, hasher: &DefaultHashBuilder) {
        // Bounds keep both far below 32 bits.
        let place = self.ended.len() as u32;
        let reply = reply.map(|reply| {
            let start = self.replies.len() as u32;
            self.replies.extend_from_slice(reply);
            (start, reply.len() as u32)
        });
        self.ended.push(Ended {
            key,
            at: now,
            reply,
        });
        let Self { ended, index, .. } = self;
        index.insert_unique(key.place(hasher), place, |place| {
            ended[*place as usize].key.place(hasher)
        });
    }

    fn forget(&mut self, of: impl Fn(&K) -> bool) {
        let Self { ended, index, .. } = self;
        index.retain(|place| !of(&ended[*place as usize].key));
    }

    fn clear(&mut self) {
        self.ended.clear();
        self.index.clear();
        self.replies.clear();
    }
}

impl<K: Key> Memory<K> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            young: Segment::default(),
            old: Segment::default(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    fn find(&self, key: &K, now: Instant) -> Option<Remembered> {
        let hash = key.place(&self.hasher);
        let found = |segment: &Segment<K>| {
            let ended = segment.find(hash, key)?;
            let recent = now.saturating_duration_since(ended.at) <= self.bounds.age;
            recent.then(|| {
                ended.reply.map(|(start, length)| {
                    segment.replies[start as usize..][..length as usize].to_vec()
                })
            })
        };
        found(&self.young).or_else(|| found(&self.old))
    }

    fn push(&mut self, key: K, reply: Option<&[u8]>, now: Instant) {
        if self.is_over(reply.map_or(0, <[u8]>::len), now) {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.push(key, reply, now, &self.hasher);
    }

    fn forget_all(&mut self, of: impl Fn(&K) -> bool) {
        self.young.forget(&of);
        self.old.forget(&of);
    }

    /// Whether a new segment has to begin, with a reply of so many bytes.
    fn is_over(&self, bytes: usize, now: Instant) -> bool {
        let Bounds {
            entries,
            bytes: most,
            age,
        } = self.bounds;
        self.young.ended.first().is_some_and(|first| {
            self.young.ended.len() >= entries / 2
                || self.young.replies.len() + bytes > most / 2
                || now.saturating_duration_since(first.at) > age
        })
    }
}

impl Duplicates for Memory {
    fn known(&self, key: &CallKey, now: Instant) -> Option<Remembered> {
        self.find(key, now)
    }

    fn remember(&mut self, key: CallKey, reply: Option<&[u8]>, now: Instant) {
        self.push(key, reply, now);
    }

    fn forget(&mut self, partition: u32) {
        self.forget_all(|key| key.partition == partition);
    }
}

impl Key for CallKey {
    /// 64 calls that a client makes one after another have places side by side.
    fn place(&self, hasher: &DefaultHashBuilder) -> u64 {
        const TOGETHER: u64 = 64;
        let sequence = self.call_id.sequence();
        let within = sequence % TOGETHER;
        let block = hasher.hash_one((self.call_id.instance(), sequence / TOGETHER));
        // Tables also compare the topmost bits, which are to differ between neighbours.
        block.wrapping_add(within) ^ within << (u64::BITS - 7)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Key for u32 {
        fn place(&self, hasher: &DefaultHashBuilder) -> u64 {
            hasher.hash_one(self)
        }
    }

    fn memory() -> Memory<u32> {
        Memory::new(Bounds {
            entries: 4,
            bytes: 10,
            age: Duration::from_secs(60),
        })
    }

    fn reply(length: usize) -> Remembered {
        Some(vec![1; length])
    }

    #[test]
    fn the_reply_of_a_call_that_ended_is_known() {
        let now = Instant::now();
        let mut memory = memory();
        assert_eq!(memory.find(&1, now), None);
        memory.push(1, reply(4).as_deref(), now);
        assert_eq!(memory.find(&1, now), Some(reply(4)));
        memory.push(2, None, now);
        assert_eq!(memory.find(&2, now), Some(None));
    }

    #[test]
    fn forgets_the_oldest_of_too_many() {
        let now = Instant::now();
        let mut memory = memory();
        for key in 1..=5 {
            memory.push(key, None, now);
        }
        for key in 3..=5 {
            assert_eq!(memory.find(&key, now), Some(None));
        }
        assert_eq!(memory.find(&2, now), None);
    }

    #[test]
    fn forgets_what_is_old() {
        let now = Instant::now();
        let mut memory = memory();
        memory.push(1, None, now);
        let kept = now + Duration::from_secs(60);
        assert_eq!(memory.find(&1, kept), Some(None));
        assert_eq!(memory.find(&1, kept + Duration::from_nanos(1)), None);
    }

    proptest! {
        #[test]
        fn remembers_at_least_the_last_half_and_stays_within_its_bounds(
            steps in prop::collection::vec((0..3_u8, 0..12_u32, 0..6_usize), 1..300),
        ) {
            let now = Instant::now();
            let mut memory = memory();
            // All that ever ended; without the key, those that were to be forgotten.
            let mut model: Vec<(Option<u32>, Vec<u8>)> = Vec::new();
            for (step, key, length) in steps {
                if step == 2 {
                    memory.forget_all(|other| other % 4 == key % 4);
                    for (other, _) in &mut model {
                        other.take_if(|other| *other % 4 == key % 4);
                    }
                }
                let last = model.iter().rposition(|(ended, _)| *ended == Some(key));
                match memory.find(&key, now) {
                    Some(reply) => {
                        let last = last.map(|last| model[last].1.clone());
                        prop_assert_eq!(reply, last);
                    }
                    None => {
                        let bytes = |at: usize| {
                            model[at..].iter().map(|(_, reply)| reply.len()).sum::<usize>()
                        };
                        let due = last.is_none_or(|at| model.len() - at > 2 || bytes(at) > 5);
                        prop_assert!(due, "it was forgotten too soon");
                        let value = vec![length as u8; length];
                        memory.push(key, Some(&value), now);
                        model.push((Some(key), value));
                    }
                }
                let both = [&memory.young, &memory.old];
                prop_assert!(both.iter().map(|one| one.ended.len()).sum::<usize>() <= 4);
                prop_assert!(both.iter().map(|one| one.replies.len()).sum::<usize>() <= 10);
            }
        }
    }
}
