//! Remembers calls that were started, so that a command that comes twice is run once.

use std::hash::Hash;
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

/// How many ended calls are remembered at most, how many bytes of replies, and for how long. At least
/// half as many are remembered, if they aren't too old.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Bounds {
    pub(in crate::server) entries: usize,
    pub(in crate::server) bytes: usize,
    pub(in crate::server) age: Duration,
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
pub(in crate::server) trait Key: Copy + Eq + Hash {
    /// A hash whose low bits are those of the place. Calls that come one after another are found
    /// fastest if their places lie side by side; strangers must not be able to tell where they lie.
    fn place(&self, hasher: &DefaultHashBuilder) -> u64;
}

/// What is known of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) enum Known {
    /// It waits or runs; its own reply will come.
    InProgress,
    /// It ended. The reply, if it had one, can be sent again.
    Ended(Option<Vec<u8>>),
}

/// Calls in progress, with what finds them (`L`), and the latest of those that ended.
///
/// Calls in progress are never forgotten; capacity bounds them. Those that ended are forgotten a
/// generation at a time. Every call passes through here, and memory that is written in order, and
/// given up as a whole, is what that costs least in.
#[derive(Debug)]
pub(in crate::server) struct Dedupe<K, L> {
    bounds: Bounds,
    /// The call that began last, if it is in progress: most end before another one begins.
    last: Option<(K, L)>,
    live: HashMap<K, L>,
    young: Generation<K>,
    old: Generation<K>,
    hasher: DefaultHashBuilder,
}

/// Calls that ended one after another.
#[derive(Debug)]
struct Generation<K> {
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

impl<K> Default for Generation<K> {
    fn default() -> Self {
        Self {
            ended: Vec::new(),
            index: HashTable::new(),
            replies: Vec::new(),
        }
    }
}

impl<K: Key> Generation<K> {
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

impl<K: Key, L> Dedupe<K, L> {
    pub(in crate::server) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            last: None,
            live: HashMap::new(),
            young: Generation::default(),
            old: Generation::default(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// What is known of this call, if anything.
    pub(in crate::server) fn known(&mut self, key: &K, now: Instant) -> Option<Known> {
        if self.in_progress(key).is_some() {
            return Some(Known::InProgress);
        }
        let hash = key.place(&self.hasher);
        let found = |generation: &Generation<K>| {
            let ended = generation.find(hash, key)?;
            let recent = now.saturating_duration_since(ended.at) <= self.bounds.age;
            recent.then(|| {
                ended.reply.map(|(start, length)| {
                    generation.replies[start as usize..][..length as usize].to_vec()
                })
            })
        };
        found(&self.young)
            .or_else(|| found(&self.old))
            .map(Known::Ended)
    }

    /// The call, of which nothing was known, is in progress from now on.
    pub(in crate::server) fn begin(&mut self, key: K, live: L) {
        if let Some((key, live)) = self.last.replace((key, live)) {
            self.live.insert(key, live);
        }
    }

    /// What finds the call, if it is in progress.
    pub(in crate::server) fn in_progress(&mut self, key: &K) -> Option<&mut L> {
        match &mut self.last {
            Some((last, live)) if last == key => Some(live),
            _ if self.live.is_empty() => None,
            _ => self.live.get_mut(key),
        }
    }

    /// All calls in progress.
    pub(in crate::server) fn all_in_progress(&self) -> impl Iterator<Item = (&K, &L)> {
        let last = self.last.iter().map(|(key, live)| (key, live));
        last.chain(&self.live)
    }

    /// The call has ended, with this reply if it has one. Ignored unless the call is in progress.
    pub(in crate::server) fn end(&mut self, key: K, reply: Option<&[u8]>, now: Instant) {
        if self.last.as_ref().is_some_and(|(last, _)| *last == key) {
            self.last = None;
        } else if self.live.remove(&key).is_none() {
            return;
        }
        if self.is_over(reply.map_or(0, <[u8]>::len), now) {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.push(key, reply, now, &self.hasher);
    }

    /// Forgets the calls that `of` picks, whatever their state.
    pub(in crate::server) fn forget(&mut self, of: impl Fn(&K) -> bool) {
        self.last.take_if(|(key, _)| of(key));
        self.live.retain(|key, _| !of(key));
        self.young.forget(&of);
        self.old.forget(&of);
    }

    /// Whether a new generation has to begin, with a reply of so many bytes.
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

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use proptest::prelude::*;

    use super::*;

    impl Key for u32 {
        fn place(&self, hasher: &DefaultHashBuilder) -> u64 {
            hasher.hash_one(self)
        }
    }

    fn dedupe() -> Dedupe<u32, ()> {
        Dedupe::new(Bounds {
            entries: 4,
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
        for key in 1..=5 {
            assert_eq!(begin(&mut dedupe, key, now), None);
            dedupe.end(key, None, now);
        }
        assert_eq!(begin(&mut dedupe, 0, now), Some(Known::InProgress));
        for key in 3..=5 {
            assert_eq!(begin(&mut dedupe, key, now), Some(Known::Ended(None)));
        }
        assert_eq!(begin(&mut dedupe, 2, now), None);
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

    #[derive(Default)]
    struct Model {
        live: Vec<u32>,
        /// All that ever ended; without the key, those that were to be forgotten.
        ended: Vec<(Option<u32>, Vec<u8>)>,
    }

    proptest! {
        #[test]
        fn remembers_at_least_the_last_half_and_stays_within_its_bounds(
            steps in prop::collection::vec((0..4_u8, 0..12_u32, 0..6_usize), 1..300),
        ) {
            let now = Instant::now();
            let (mut dedupe, mut model) = (dedupe(), Model::default());
            for (step, key, length) in steps {
                match step {
                    0 | 1 => {
                        let last = model.ended.iter().rposition(|(ended, _)| *ended == Some(key));
                        match begin(&mut dedupe, key, now) {
                            Some(Known::InProgress) => prop_assert!(model.live.contains(&key)),
                            Some(Known::Ended(reply)) => {
                                let last = last.map(|last| model.ended[last].1.clone());
                                prop_assert_eq!(reply, last);
                            }
                            None => {
                                let bytes = |at: usize| {
                                    model.ended[at..].iter().map(|(_, reply)| reply.len()).sum::<usize>()
                                };
                                let due = last.is_none_or(|at| {
                                    model.ended.len() - at > 2 || bytes(at) > 5
                                });
                                prop_assert!(due, "it was forgotten too soon");
                                model.live.push(key);
                            }
                        }
                    }
                    2 => {
                        let value = vec![length as u8; length];
                        dedupe.end(key, Some(&value), now);
                        if let Some(at) = model.live.iter().position(|live| *live == key) {
                            model.live.remove(at);
                            model.ended.push((Some(key), value));
                        }
                    }
                    _ => {
                        dedupe.forget(|other| other % 4 == key % 4);
                        model.live.retain(|other| other % 4 != key % 4);
                        for (other, _) in &mut model.ended {
                            other.take_if(|other| *other % 4 == key % 4);
                        }
                    }
                }
                let both = [&dedupe.young, &dedupe.old];
                prop_assert!(both.iter().map(|one| one.ended.len()).sum::<usize>() <= 4);
                prop_assert!(both.iter().map(|one| one.replies.len()).sum::<usize>() <= 10);
                prop_assert_eq!(dedupe.all_in_progress().count(), model.live.len());
            }
        }
    }
}
