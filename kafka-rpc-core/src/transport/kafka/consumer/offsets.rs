//! What is to be committed for the partitions that a member owns. Pure state.

use std::collections::BTreeMap;

/// The partitions that a member owns, with their offsets.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct Offsets(BTreeMap<i32, Progress>);

/// One partition, in one assignment.
#[derive(Debug, Default)]
struct Progress {
    /// To be committed.
    noted: Option<i64>,
    /// What was handed over last to be committed.
    begun: Option<i64>,
}

impl Offsets {
    /// These partitions are owned from now on. What an earlier assignment left behind is forgotten.
    pub(in crate::transport::kafka) fn own(&mut self, partitions: &[i32]) {
        let new = partitions.iter().map(|one| (*one, Progress::default()));
        self.0.extend(new);
    }

    /// Those of these partitions that are owned.
    pub(in crate::transport::kafka) fn owned(&self, partitions: &[i32]) -> Vec<i32> {
        let owned = |one: &i32| self.0.contains_key(one);
        partitions.iter().copied().filter(owned).collect()
    }

    /// All partitions that are owned.
    pub(in crate::transport::kafka) fn all(&self) -> Vec<i32> {
        self.0.keys().copied().collect()
    }

    /// These partitions are owned no longer: nothing is committed for them from now on.
    pub(in crate::transport::kafka) fn disown(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.0.remove(partition);
        }
    }

    /// Everything below `next` is done in a partition. Ignored if it isn't owned.
    pub(in crate::transport::kafka) fn note(&mut self, partition: i32, next: i64) {
        if let Some(progress) = self.0.get_mut(&partition) {
            progress.noted = progress.noted.max(Some(next));
        }
    }

    /// Takes what is to be committed, for it is handed over now.
    pub(in crate::transport::kafka) fn begin(&mut self) -> Vec<(i32, i64)> {
        let begin = |(partition, progress): (&i32, &mut Progress)| {
            let next = progress.noted.take()?;
            progress.begun = Some(next);
            Some((*partition, next))
        };
        self.0.iter_mut().filter_map(begin).collect()
    }

    /// A commit of a partition failed. It is to be committed again, unless more is noted by now, or
    /// the partition isn't owned any more, or anew: then the next owner's commit counts.
    pub(in crate::transport::kafka) fn failed(&mut self, partition: i32) {
        if let Some(progress) = self.0.get_mut(&partition) {
            progress.noted = progress.noted.or(progress.begun);
        }
    }

    /// Whether something is to be committed for one of these partitions.
    pub(in crate::transport::kafka) fn wants(&self, partitions: &[i32]) -> bool {
        let noted = |one| self.0.get(one).is_some_and(|one| one.noted.is_some());
        partitions.iter().any(noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_offset_is_committed_once() {
        let mut offsets = Offsets::default();
        offsets.own(&[0, 1]);
        offsets.note(0, 3);
        offsets.note(0, 2);
        offsets.note(7, 9);
        assert_eq!(offsets.begin(), [(0, 3)], "7 isn't owned");
        assert_eq!(offsets.begin(), []);
    }

    #[test]
    fn what_failed_is_committed_again_while_the_partition_is_owned() {
        let mut offsets = Offsets::default();
        offsets.own(&[0, 1, 2]);
        for partition in [0, 1, 2] {
            offsets.note(partition, 5);
        }
        assert_eq!(offsets.begin().len(), 3);
        offsets.note(1, 6);
        offsets.disown(&[2]);
        for partition in [0, 1, 2] {
            offsets.failed(partition);
        }
        assert!(offsets.wants(&[0]) && !offsets.wants(&[2]));
        assert_eq!(offsets.begin(), [(0, 5), (1, 6)]);
    }

    #[test]
    fn a_commit_of_an_earlier_assignment_is_not_made_again() {
        let mut offsets = Offsets::default();
        offsets.own(&[0]);
        offsets.note(0, 5);
        offsets.begin();
        offsets.disown(&[0]);
        // Meanwhile another member has owned it, and may have committed more.
        offsets.own(&[0]);
        offsets.failed(0);
        assert_eq!(offsets.begin(), []);
    }

    #[test]
    fn only_owned_partitions_are_named() {
        let mut offsets = Offsets::default();
        offsets.own(&[2, 0]);
        assert_eq!(offsets.owned(&[0, 1, 2]), [0, 2]);
        assert_eq!(offsets.all(), [0, 2]);
    }
}
