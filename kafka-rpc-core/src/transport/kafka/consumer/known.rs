//! What is known of how a member is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::transport::{Lag, Standing, TransportError};
use crate::util::lock_order::GROUP_STANDING;
use crate::util::sync::{Mutex, lock};

/// What is known of how a member is. Kept by the thread that polls, read by any.
pub(super) struct Known {
    origin: Instant,
    /// When the thread that polls last came round, in milliseconds from the origin.
    turned: AtomicU64,
    fenced: AtomicBool,
    state: Mutex<State, GROUP_STANDING>,
}

#[derive(Default)]
struct State {
    accepted: bool,
    /// The generation in which the group accepted the member.
    generation: Option<i32>,
    /// Why the group doesn't take the member, until it does.
    refused: Option<TransportError>,
    coordinator: Option<TransportError>,
    leaders: Option<TransportError>,
    ends: BTreeMap<i32, i64>,
    committed: BTreeMap<i32, i64>,
    /// What was to be committed last; it may be by now.
    asked: BTreeMap<i32, i64>,
    /// What was committed of a topic that is gone.
    outdated: BTreeSet<(i32, i64)>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            turned: AtomicU64::new(0),
            fenced: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }
}

impl Known {
    /// The thread that polls has come round.
    pub(super) fn turn(&self) {
        let now = self.origin.elapsed().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.turned.store(now, Ordering::Relaxed);
    }

    /// The group has given the member's name to another one.
    pub(super) fn fence(&self) {
        self.fenced.store(true, Ordering::Release);
    }

    pub(super) fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Acquire)
    }

    /// The group doesn't take the member.
    pub(super) fn refuse(&self, why: TransportError) {
        let mut state = lock(&self.state);
        state.accepted = false;
        state.refused = Some(why);
    }

    /// Notes whether the group counts the member, given the generation that it is in, if it has a
    /// name in the group, and whether the group has assigned anything since the last look. Says
    /// whether it does.
    ///
    /// A generation alone says nothing: that of before stays until the next one.
    pub(super) fn count(&self, generation: Option<i32>, assigned: bool) -> bool {
        let mut state = lock(&self.state);
        let Some(generation) = generation else {
            state.accepted = false;
            return false;
        };
        if assigned || (!state.accepted && state.generation != Some(generation)) {
            state.accepted = true;
            state.generation = Some(generation);
            state.refused = None;
        }
        state.accepted
    }

    /// Notes why the leaders, or the coordinator, don't answer; `None` if they do. Returns why they
    /// didn't before.
    pub(super) fn answer(
        &self,
        of_leaders: bool,
        trouble: Option<TransportError>,
    ) -> Option<TransportError> {
        let mut state = lock(&self.state);
        let place = if of_leaders {
            &mut state.leaders
        } else {
            &mut state.coordinator
        };
        std::mem::replace(place, trouble)
    }

    /// Notes end offsets; `all` of those that are owned.
    pub(super) fn ends(&self, ends: BTreeMap<i32, i64>, all: bool) {
        let mut state = lock(&self.state);
        if all {
            state.ends.clear();
        }
        state.ends.extend(ends);
    }

    /// Notes what is committed of a partition that is new.
    pub(super) fn starts_at(&self, partition: i32, next: i64) {
        lock(&self.state).committed.insert(partition, next);
    }

    /// Notes what the group has taken as committed, by partition: it takes it of its members only, and
    /// only if they may read.
    pub(super) fn committed(&self, committed: &[(i32, i64)]) {
        if committed.is_empty() {
            return;
        }
        let mut state = lock(&self.state);
        state.committed.extend(committed.iter().copied());
        if state.refused.take().is_some() {
            state.accepted = true;
        }
    }

    /// Notes what is to be committed of a partition.
    pub(super) fn asked(&self, partition: i32, next: i64) {
        lock(&self.state).asked.insert(partition, next);
    }

    /// The topic is gone of which something is committed, and another one has its name.
    pub(super) fn outdate(&self) {
        let mut state = lock(&self.state);
        let committed = std::mem::take(&mut state.committed);
        let asked = std::mem::take(&mut state.asked);
        state.outdated = committed.into_iter().chain(asked).collect();
    }

    /// Whether it is of the topic that is gone that this is committed; to be asked once.
    pub(super) fn is_outdated(&self, partition: i32, next: i64) -> bool {
        let mut state = lock(&self.state);
        let outdated = state.outdated.contains(&(partition, next));
        state.outdated.retain(|(of, _)| *of != partition);
        outdated
    }

    /// How the member is, which owns these partitions.
    pub(super) fn standing(&self, owned: &[i32]) -> Standing {
        let turned = Duration::from_millis(self.turned.load(Ordering::Relaxed));
        let state = lock(&self.state);
        let progress = owned.iter().filter_map(|partition| {
            let committed = state.committed.get(partition).copied();
            Some(Lag {
                partition: u32::try_from(*partition).ok()?,
                end: *state.ends.get(partition)?,
                committed,
            })
        });
        let troubles = [&state.refused, &state.coordinator, &state.leaders];
        Standing {
            accepted: state.accepted,
            fenced: self.is_fenced(),
            trouble: troubles.into_iter().find_map(Clone::clone),
            stuck: self.origin.elapsed().saturating_sub(turned),
            progress: progress.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::TransportErrorKind;

    #[test]
    fn a_generation_of_before_is_no_acceptance() {
        let known = Known::default();
        assert!(!known.count(None, false), "not yet");
        assert!(known.count(Some(3), false));
        assert!(!known.count(None, false), "its session has ended");
        assert!(!known.count(Some(3), false), "that of before");
        assert!(known.count(Some(5), false), "it is back");
        known.refuse(TransportError::new(TransportErrorKind::Other, "no"));
        assert!(!known.count(Some(5), false));
        assert!(known.standing(&[]).trouble.is_some());
        assert!(known.count(Some(5), true), "what is assigned says more");
        assert_eq!(known.standing(&[]).trouble, None);
    }

    #[test]
    fn a_member_whose_commits_are_taken_is_accepted_again() {
        let known = Known::default();
        assert!(known.count(Some(5), true));
        known.refuse(TransportError::new(TransportErrorKind::Other, "no"));
        known.committed(&[]);
        assert!(!known.count(Some(5), false));
        known.committed(&[(0, 7)]);
        assert!(known.count(Some(5), false));
        assert_eq!(known.standing(&[]).trouble, None);
    }

    #[test]
    fn what_was_committed_of_a_topic_that_is_gone_is_outdated_once() {
        let known = Known::default();
        known.committed(&[(0, 7), (1, 8)]);
        known.asked(2, 9);
        assert!(!known.is_outdated(0, 7));
        known.outdate();
        assert!(known.is_outdated(2, 9), "nobody knows how that ended");
        assert!(
            !known.is_outdated(1, 9),
            "somebody else has committed since"
        );
        assert!(known.is_outdated(0, 7));
        assert!(!known.is_outdated(0, 7));
    }

    #[test]
    fn only_what_is_owned_and_known_has_progress() {
        let known = Known::default();
        known.ends([(0, 7), (1, 8)].into(), true);
        known.committed(&[(0, 5)]);
        let progress = known.standing(&[0, 1, 2]).progress;
        let one = |partition, end, committed| Lag {
            partition,
            end,
            committed,
        };
        assert_eq!(progress, [one(0, 7, Some(5)), one(1, 8, None)]);
    }
}
