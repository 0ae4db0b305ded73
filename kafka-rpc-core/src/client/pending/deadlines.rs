//! Which call's deadline is next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Fewer than this many forgotten deadlines aren't worth a search.
const KEEP: usize = 64;

/// A deadline that never comes.
pub(super) const NEVER: i64 = i64::MAX;

/// The deadlines of calls, which are mostly forgotten before they come: nearly every call is
/// answered in time.
///
/// So a call that ends costs nothing here. Its deadline stays until it comes first, or until most
/// of them are stale and all those are thrown out at once. Deadlines that come in ascending order,
/// as those of one timeout do, are put in with one comparison.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// Deadline and key of a call.
    heap: BinaryHeap<Reverse<(i64, u64)>>,
}

impl Deadlines {
    pub(super) fn push(&mut self, deadline: i64, key: u64) {
        self.heap.push(Reverse((deadline, key)));
    }

    /// Takes out one that has come by `now`, be it stale or not.
    pub(super) fn pop_due(&mut self, now: i64) -> Option<u64> {
        let Reverse((deadline, _)) = self.heap.peek()?;
        if *deadline > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, key))| key)
    }

    /// The earliest deadline of a call that still waits; [`NEVER`] if none does.
    pub(super) fn earliest(&mut self, waits: impl Fn(u64) -> bool) -> i64 {
        while let Some(&Reverse((deadline, key))) = self.heap.peek() {
            if waits(key) {
                return deadline;
            }
            self.heap.pop();
        }
        NEVER
    }

    /// Throws the stale ones out if they are more than half, when `waiting` calls still wait.
    pub(super) fn thin_out(&mut self, waiting: usize, waits: impl Fn(u64) -> bool) {
        if self.heap.len() <= 2 * waiting + KEEP {
            return;
        }
        self.heap.retain(|Reverse((_, key))| waits(*key));
        self.shrink();
    }

    /// Gives memory back after a burst.
    pub(super) fn shrink(&mut self) {
        let capacity = self.heap.capacity();
        if capacity > 4 * KEEP && self.heap.len() < capacity / 8 {
            self.heap.shrink_to((2 * KEEP).max(self.heap.len() * 2));
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.heap.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// A call that may take so long.
        Start(i64),
        /// A call that ends before its deadline.
        End(prop::sample::Index),
        /// So much time passes.
        Pass(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => prop_oneof![Just(1000_i64), 1..3000_i64].prop_map(Step::Start),
            4 => any::<prop::sample::Index>().prop_map(Step::End),
            1 => (0..500_i64).prop_map(Step::Pass),
        ]
    }

    const MANY: usize = if cfg!(miri) { 30 } else { 1_000 };

    proptest! {
        #[test]
        fn calls_expire_as_in_a_sorted_set(steps in vec(step(), 0..MANY)) {
            let (mut deadlines, mut model) = (Deadlines::default(), BTreeSet::new());
            let (mut now, mut waiting) = (0, BTreeSet::new());
            for (key, step) in (0..).zip(steps) {
                match step {
                    Step::Start(timeout) => {
                        deadlines.push(now + timeout, key);
                        model.insert((now + timeout, key));
                        waiting.insert(key);
                    }
                    Step::End(at) if !model.is_empty() => {
                        let ended = *model.iter().nth(at.index(model.len())).unwrap_or(&(0, 0));
                        model.remove(&ended);
                        waiting.remove(&ended.1);
                        deadlines.thin_out(waiting.len(), |key| waiting.contains(&key));
                    }
                    Step::End(_) => {}
                    Step::Pass(time) => {
                        now += time;
                        let mut expired = Vec::new();
                        while let Some(key) = deadlines.pop_due(now) {
                            if waiting.remove(&key) {
                                expired.push(key);
                            }
                        }
                        let later = model.split_off(&(now + 1, 0));
                        let due: Vec<_> = model.iter().map(|(_, key)| *key).collect();
                        prop_assert_eq!(expired, due);
                        model = later;
                        let next = deadlines.earliest(|key| waiting.contains(&key));
                        prop_assert_eq!(next, model.first().map_or(NEVER, |(at, _)| *at));
                    }
                }
                prop_assert!(deadlines.heap.len() <= 2 * waiting.len() + KEEP + 1);
            }
        }
    }
}
