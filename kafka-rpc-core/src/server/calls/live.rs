//! The calls that wait or run, and what finds each of them.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use hashbrown::HashMap;

use super::CallKey;
use crate::call::Context;
use crate::server::schedule::Place;

/// Where a live call is.
#[derive(Debug)]
pub(crate) enum Live {
    Queued(Place),
    Running(Context),
    /// A former owner of the partition runs it.
    Elsewhere,
}

/// The live calls of a group member. Capacity bounds them; none is ever forgotten.
#[derive(Debug)]
pub(crate) struct LiveCalls<L = Live> {
    /// The call that began last, if it is live: most end before another one begins.
    last: Option<(CallKey, Entry<L>)>,
    others: HashMap<CallKey, Entry<L>>,
}

#[derive(Debug)]
struct Entry<L> {
    /// The assignment of its partition in which it was read: the same call may come again in a later
    /// one, while a handler of the former still ends.
    generation: u64,
    live: L,
}

impl Hash for CallKey {
    /// Few calls have an id in common: one for each method and partition at most.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.call_id.as_bytes());
    }
}

impl<L> Default for LiveCalls<L> {
    fn default() -> Self {
        Self {
            last: None,
            others: HashMap::new(),
        }
    }
}

impl<L> LiveCalls<L> {
    /// A call that wasn't live is live from now on.
    pub(crate) fn begin(&mut self, key: CallKey, generation: u64, live: L) {
        let entry = Entry { generation, live };
        if let Some((key, entry)) = self.last.replace((key, entry)) {
            self.others.insert(key, entry);
        }
    }

    /// Where a call is, if it is live.
    pub(crate) fn find(&mut self, key: &CallKey) -> Option<&mut L> {
        match &mut self.last {
            Some((last, entry)) if last == key => Some(&mut entry.live),
            _ if self.others.is_empty() => None,
            _ => self.others.get_mut(key).map(|entry| &mut entry.live),
        }
    }

    /// A call that was read in this generation of its partition has ended. `false` if it isn't live,
    /// or only in another generation.
    pub(crate) fn end(&mut self, key: &CallKey, generation: u64) -> bool {
        if let Some((last, entry)) = &self.last
            && last == key
        {
            let ends = entry.generation == generation;
            self.last.take_if(|_| ends);
            return ends;
        }
        let ends = |entry: &Entry<L>| entry.generation == generation;
        self.others.get(key).is_some_and(ends) && self.others.remove(key).is_some()
    }

    /// The partitions of the calls.
    pub(crate) fn partitions(&self) -> BTreeSet<u32> {
        let last = self.last.iter().map(|(key, _)| key);
        last.chain(self.others.keys())
            .map(|key| key.partition)
            .collect()
    }

    /// Takes out the calls of a partition, of these generations.
    pub(crate) fn take(&mut self, partition: u32, is_of: impl Fn(u64) -> bool) -> Vec<L> {
        let is_of =
            |key: &CallKey, entry: &Entry<L>| key.partition == partition && is_of(entry.generation);
        let last = self.last.take_if(|(key, entry)| is_of(key, entry));
        let others = self.others.extract_if(|key, entry| is_of(key, entry));
        others.chain(last).map(|(_, entry)| entry.live).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CallId;

    fn key(number: u64, partition: u32) -> CallKey {
        CallKey {
            call_id: CallId::new([0; 8], number),
            partition,
            service: 0,
            method: 0,
        }
    }

    #[test]
    fn a_call_is_found_until_it_ends() {
        let mut calls = LiveCalls::default();
        for number in 0..3 {
            calls.begin(key(number, 0), 1, number);
        }
        assert_eq!(calls.find(&key(0, 0)), Some(&mut 0));
        assert!(calls.end(&key(0, 0), 1));
        assert!(!calls.end(&key(0, 0), 1), "it ends once");
        assert_eq!(calls.find(&key(0, 0)), None);
        assert!(calls.end(&key(2, 0), 1) && calls.end(&key(1, 0), 1));
    }

    #[test]
    fn the_end_of_an_earlier_generation_leaves_a_later_one_alone() {
        let mut calls = LiveCalls::default();
        calls.begin(key(1, 0), 1, "first");
        assert_eq!(calls.take(0, |_| true), ["first"]);
        calls.begin(key(1, 0), 2, "second");
        assert!(!calls.end(&key(1, 0), 1));
        assert_eq!(calls.find(&key(1, 0)), Some(&mut "second"));
        calls.begin(key(2, 0), 2, "third");
        assert!(!calls.end(&key(1, 0), 1), "nor among the others");
        assert!(calls.end(&key(1, 0), 2));
    }

    #[test]
    fn only_the_calls_of_a_partition_are_taken() {
        let mut calls = LiveCalls::default();
        calls.begin(key(1, 0), 1, 1);
        calls.begin(key(2, 1), 1, 2);
        calls.begin(key(3, 0), 1, 3);
        assert_eq!(calls.take(0, |generation| generation > 1), [0; 0]);
        let mut taken = calls.take(0, |_| true);
        taken.sort_unstable();
        assert_eq!(taken, [1, 3]);
        assert_eq!(calls.find(&key(2, 1)), Some(&mut 2));
    }
}
