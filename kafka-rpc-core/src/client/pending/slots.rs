//! A table whose keys are handed out in ascending order and mostly given back soon.

use std::collections::{BTreeMap, VecDeque};

/// A window of fewer slots is neither thinned out nor shrunk.
const KEEP: usize = 64;

/// Values by key: those of the newest keys in an array of slots, one for each key, and stragglers
/// in a tree.
///
/// An operation on a new key touches the end of the array and nothing else, however many values
/// there are. Any keys are right; those far out of order only take the tree's time.
#[derive(Debug)]
pub(super) struct Slots<T> {
    /// The key of the first slot.
    base: u64,
    slots: VecDeque<Option<T>>,
    /// How many slots hold a value.
    taken: usize,
    /// The values whose keys are below `base`.
    stragglers: BTreeMap<u64, T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            base: 0,
            slots: VecDeque::new(),
            taken: 0,
            stragglers: BTreeMap::new(),
        }
    }
}

impl<T> Slots<T> {
    /// Puts in a value whose key isn't there.
    pub(super) fn insert(&mut self, key: u64, value: T) {
        self.make_room(key);
        let Some(index) = self.index(key) else {
            self.stragglers.insert(key, value);
            return;
        };
        while self.slots.len() <= index {
            self.slots.push_back(None);
        }
        self.slots[index] = Some(value);
        self.taken += 1;
    }

    pub(super) fn get(&self, key: u64) -> Option<&T> {
        match self.index(key) {
            Some(index) => self.slots.get(index)?.as_ref(),
            None => self.stragglers.get(&key),
        }
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        match self.index(key) {
            Some(index) => self.slots.get_mut(index)?.as_mut(),
            None => self.stragglers.get_mut(&key),
        }
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<T> {
        let Some(index) = self.index(key) else {
            return self.stragglers.remove(&key);
        };
        let value = self.slots.get_mut(index)?.take()?;
        self.taken -= 1;
        while let Some(None) = self.slots.front() {
            self.pop();
        }
        let capacity = self.slots.capacity();
        if capacity > KEEP && self.slots.len() < capacity / 8 {
            self.slots.shrink_to(KEEP.max(self.slots.len() * 2));
        }
        Some(value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let stragglers = self.stragglers.values_mut();
        stragglers.chain(self.slots.iter_mut().flatten())
    }

    /// Where the slot of `key` is, or would be; `None` for a straggler.
    fn index(&self, key: u64) -> Option<usize> {
        // A key that is too far ahead to have an index has no slot either.
        key.checked_sub(self.base)
            .map(|ahead| usize::try_from(ahead).unwrap_or(usize::MAX))
    }

    /// Moves the window ahead, so that at least half of its slots are taken once it ends with
    /// `key`. Each value becomes a straggler at most once.
    fn make_room(&mut self, key: u64) {
        while !self.slots.is_empty()
            && key.saturating_sub(self.base) >= (2 * self.taken + KEEP) as u64
        {
            let key = self.base;
            if let Some(value) = self.pop() {
                self.taken -= 1;
                self.stragglers.insert(key, value);
            }
        }
        if self.slots.is_empty() && key > self.base {
            self.base = key;
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    fn pop(&mut self) -> Option<T> {
        let front = self.slots.pop_front()?;
        self.base += 1;
        front
    }
}

#[cfg(test)]
mod tests {
    use std::collections::btree_map::Entry;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// Inserts the next key, so many further on.
        Next(u64),
        /// Inserts a key that was passed over.
        Late(prop::sample::Index),
        Remove(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (1..3_u64).prop_map(Step::Next),
            1 => prop_oneof![Just(200_u64), Just(1 << 40)].prop_map(Step::Next),
            1 => any::<prop::sample::Index>().prop_map(Step::Late),
            6 => any::<prop::sample::Index>().prop_map(Step::Remove),
        ]
    }

    fn check(calls: &mut Slots<u64>, model: &BTreeMap<u64, u64>) {
        for (key, value) in model {
            assert_eq!(calls.get(*key), Some(value));
            assert_eq!(calls.get(key + 1), model.get(&(key + 1)));
        }
        let mut values: Vec<_> = calls.values_mut().map(|value| *value).collect();
        values.sort_unstable();
        assert_eq!(values, model.values().copied().collect::<Vec<_>>());
        assert_eq!(calls.taken + calls.stragglers.len(), model.len());
    }

    proptest! {
        #[test]
        fn holds_what_a_tree_holds(steps in vec(step(), 0..400)) {
            let (mut calls, mut model) = (Slots::default(), BTreeMap::new());
            let mut next = 1_u64;
            for step in steps {
                match step {
                    Step::Next(further) => {
                        next += further;
                        calls.insert(next, next);
                        model.insert(next, next);
                    }
                    Step::Late(at) => {
                        let key = at.index(usize::try_from(next).unwrap_or(usize::MAX)) as u64;
                        if let Entry::Vacant(free) = model.entry(key) {
                            free.insert(key);
                            calls.insert(key, key);
                        }
                    }
                    Step::Remove(at) => {
                        let key = match model.len() {
                            0 => next,
                            count => *model.keys().nth(at.index(count)).unwrap_or(&next),
                        };
                        prop_assert_eq!(calls.remove(key), model.remove(&key));
                        prop_assert_eq!(calls.remove(key), None);
                    }
                }
                prop_assert!(calls.slots.len() <= 2 * calls.taken + KEEP + 200);
            }
            check(&mut calls, &model);
        }
    }

    /// So many that capacity shows.
    const MANY: u64 = if cfg!(miri) { 2_000 } else { 100_000 };

    #[test]
    fn one_long_call_keeps_no_window_open() {
        let mut calls = Slots::default();
        calls.insert(0, 0);
        for key in 1..MANY {
            calls.insert(key, key);
            assert_eq!(calls.remove(key), Some(key));
        }
        assert!(calls.capacity() <= 4 * KEEP);
        assert_eq!(calls.remove(0), Some(0));
    }

    #[test]
    fn a_burst_leaves_no_capacity_behind() {
        let mut calls = Slots::default();
        for key in 0..MANY {
            calls.insert(key, ());
        }
        // Even if the oldest is the last to go.
        for key in (0..MANY).rev() {
            assert_eq!(calls.remove(key), Some(()));
        }
        assert!(calls.capacity() <= 2 * KEEP && calls.stragglers.is_empty());
    }

    #[test]
    fn the_last_keys_there_are_have_slots() {
        let mut calls = Slots::default();
        for key in [0, u64::MAX - 2, u64::MAX - 1] {
            calls.insert(key, key);
        }
        for key in [u64::MAX - 1, 0, u64::MAX - 2] {
            assert_eq!(calls.remove(key), Some(key));
        }
    }
}
