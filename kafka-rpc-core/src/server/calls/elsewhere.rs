//! The calls of a member's partitions that run on a former owner.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::CallKey;
use crate::server::schedule::Lane;
use crate::wire::Executor;

/// An executor that isn't heard of for so long is dead, and its calls with it.
pub(crate) const LEASE: Duration = Duration::from_secs(6);

/// A call that runs on a former owner of its partition. `K` is what is kept of its command, so that it
/// can run here if it has to.
#[derive(Debug)]
pub(crate) struct Call<K> {
    pub(crate) kept: K,
    pub(crate) executor: Executor,
    /// When its executor was last heard of.
    pub(crate) heard: Instant,
    /// What it occupies, so that no other call of its key runs.
    pub(crate) lane: Option<Lane>,
    /// Under which it is known; `None` if its method isn't.
    pub(crate) key: Option<CallKey>,
    /// Its caller gave up.
    pub(crate) cancelled: bool,
}

/// The calls of a member's partitions that run on former owners, by partition and offset.
#[derive(Debug)]
pub(crate) struct Elsewhere<K>(BTreeMap<(u32, i64), Call<K>>);

impl<K> Default for Elsewhere<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K> Elsewhere<K> {
    /// The command of such a call was read.
    pub(crate) fn begin(&mut self, partition: u32, offset: i64, call: Call<K>) {
        self.0.insert((partition, offset), call);
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The executor says that a call is settled. Others are believed nothing.
    pub(crate) fn settled(
        &mut self,
        executor: Executor,
        partition: u32,
        offset: i64,
    ) -> Option<Call<K>> {
        let call = self.0.get(&(partition, offset))?;
        (call.executor == executor).then(|| self.0.remove(&(partition, offset)))?
    }

    /// The executor says that a call still runs.
    pub(crate) fn runs(&mut self, executor: Executor, partition: u32, offset: i64, now: Instant) {
        if let Some(call) = self.0.get_mut(&(partition, offset))
            && call.executor == executor
        {
            call.heard = now;
        }
    }

    /// The caller of a call gave up.
    pub(crate) fn cancel(&mut self, key: &CallKey) {
        for call in self.0.values_mut() {
            call.cancelled |= call.key.as_ref() == Some(key);
        }
    }

    /// When the first lease ends, unless its executor is heard of before.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.0.values().map(|call| call.heard + LEASE).min()
    }

    /// Takes out the calls whose executors are dead, the last one first.
    pub(crate) fn ended(&mut self, now: Instant) -> Vec<Call<K>> {
        let is_over = |_: &(u32, i64), call: &mut Call<K>| call.heard + LEASE <= now;
        let mut ended: Vec<_> = self.0.extract_if(.., is_over).collect();
        ended.reverse();
        ended.into_iter().map(|(_, call)| call).collect()
    }

    /// Takes out the calls of a partition.
    pub(crate) fn discard(&mut self, partition: u32) -> Vec<Call<K>> {
        let all = (partition, i64::MIN)..=(partition, i64::MAX);
        self.0
            .extract_if(all, |_, _| true)
            .map(|(_, call)| call)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Executor = *b"server a";
    const B: Executor = *b"server b";

    fn calls(now: Instant) -> Elsewhere<i64> {
        let mut calls = Elsewhere::default();
        for (partition, offset) in [(0, 4), (0, 7), (1, 4)] {
            let call = Call {
                kept: offset,
                executor: A,
                heard: now,
                lane: None,
                key: None,
                cancelled: false,
            };
            calls.begin(partition, offset, call);
        }
        calls
    }

    #[test]
    fn only_its_executor_can_say_that_a_call_is_settled() {
        let mut calls = calls(Instant::now());
        assert!(calls.settled(B, 0, 4).is_none());
        assert!(calls.settled(A, 0, 5).is_none());
        assert!(calls.settled(A, 0, 4).is_some_and(|call| call.kept == 4));
        assert!(calls.settled(A, 0, 4).is_none());
    }

    #[test]
    fn a_call_is_dead_without_a_sign_of_life_of_its_executor() {
        let start = Instant::now();
        let mut calls = calls(start);
        let later = start + Duration::from_secs(2);
        calls.runs(A, 1, 4, later);
        calls.runs(B, 0, 7, later);
        assert_eq!(calls.next_end(), Some(start + LEASE));
        assert!(
            calls
                .ended(start + LEASE - Duration::from_millis(1))
                .is_empty()
        );
        let ended: Vec<i64> = calls
            .ended(start + LEASE)
            .iter()
            .map(|call| call.kept)
            .collect();
        assert_eq!(ended, [7, 4]);
        assert_eq!(calls.next_end(), Some(later + LEASE));
        assert_eq!(calls.discard(0).len(), 0);
        assert_eq!(calls.discard(1).len(), 1);
        assert!(calls.is_empty());
    }
}
