//! The partitions of a member: those that the group gave it, and what is to be committed for them. Pure.

use std::collections::BTreeMap;

use crate::transport::Progress;

/// The partitions that the group gave a member.
#[derive(Debug, Default)]
pub(in crate::transport::kafka) struct Partitions(BTreeMap<i32, Partition>);

/// The last commits of partitions that were given up, by the commits' numbers.
pub(in crate::transport::kafka) type LastCommits = BTreeMap<usize, Vec<i32>>;

#[derive(Debug)]
enum Partition {
    /// The group gave it; where it is to be read from is asked for, with this number, or will be.
    Given(Option<usize>),
    /// It is read.
    Owned(Commits),
}

/// The commits of one partition, in one assignment.
#[derive(Debug, Default)]
struct Commits {
    /// To be committed.
    noted: Option<Progress>,
    /// What was handed over last to be committed.
    begun: Option<Progress>,
}

impl Partitions {
    /// The group gives these. What is the member's already stays as it is.
    pub(in crate::transport::kafka) fn give(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.0.entry(*partition).or_insert(Partition::Given(None));
        }
    }

    /// Takes those of which nobody has asked yet where they are to be read from: it is asked now, with
    /// this number.
    pub(in crate::transport::kafka) fn ask(&mut self, number: usize) -> Vec<i32> {
        let asked = self.0.iter_mut().filter_map(|(partition, state)| {
            let Partition::Given(asked @ None) = state else {
                return None;
            };
            *asked = Some(number);
            Some(*partition)
        });
        asked.collect()
    }

    /// The answer to this question is no use: it is to be asked anew.
    pub(in crate::transport::kafka) fn ask_again(&mut self, number: usize) {
        for state in self.0.values_mut() {
            if matches!(state, Partition::Given(asked) if *asked == Some(number)) {
                *state = Partition::Given(None);
            }
        }
    }

    /// The question with this number is answered: says which of its partitions are still the member's,
    /// and haven't been taken away and given back meanwhile. They are owned from now on.
    pub(in crate::transport::kafka) fn own(&mut self, number: usize) -> Vec<i32> {
        let mut owned = Vec::new();
        for (partition, state) in &mut self.0 {
            if matches!(state, Partition::Given(asked) if *asked == Some(number)) {
                *state = Partition::Owned(Commits::default());
                owned.push(*partition);
            }
        }
        owned
    }

    /// Whether the group has given nothing.
    pub(in crate::transport::kafka) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All partitions that are owned.
    pub(in crate::transport::kafka) fn owned(&self) -> Vec<i32> {
        let owned = self
            .0
            .iter()
            .filter(|(_, state)| matches!(state, Partition::Owned(_)));
        owned.map(|(partition, _)| *partition).collect()
    }

    /// These are the member's no longer: nothing is committed for them from now on. Says which of them
    /// were owned.
    pub(in crate::transport::kafka) fn give_up(&mut self, partitions: &[i32]) -> Vec<i32> {
        let given_up = partitions.iter().copied();
        given_up
            .filter(|partition| matches!(self.0.remove(partition), Some(Partition::Owned(_))))
            .collect()
    }

    /// How far a partition is done. Ignored if it isn't owned.
    pub(in crate::transport::kafka) fn note(&mut self, progress: Progress) {
        let Ok(partition) = i32::try_from(progress.partition) else {
            return;
        };
        if let Some(Partition::Owned(commits)) = self.0.get_mut(&partition) {
            commits.noted = Some(progress);
        }
    }

    /// Takes what is to be committed, for it is handed over now.
    pub(in crate::transport::kafka) fn begin(&mut self) -> Vec<Progress> {
        let begun = self.0.values_mut().filter_map(|state| {
            let Partition::Owned(commits) = state else {
                return None;
            };
            let progress = commits.noted.take()?;
            commits.begun = Some(progress.clone());
            Some(progress)
        });
        begun.collect()
    }

    /// A commit of a partition failed. It is to be committed again, without its note where the broker
    /// refused that, unless more is noted by now, or the partition isn't owned any more, or anew: then
    /// the next owner's commit counts.
    pub(in crate::transport::kafka) fn failed(&mut self, partition: i32, without_note: bool) {
        if let Some(Partition::Owned(commits)) = self.0.get_mut(&partition)
            && commits.noted.is_none()
        {
            let begun = commits.begun.clone();
            commits.noted = begun.map(|begun| Progress {
                note: begun.note.filter(|_| !without_note),
                ..begun
            });
        }
    }

    /// Whether something is to be committed.
    pub(in crate::transport::kafka) fn wants(&self) -> bool {
        let mut all = self.0.values();
        all.any(|state| matches!(state, Partition::Owned(commits) if commits.noted.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(partitions: &[i32]) -> Partitions {
        let mut all = Partitions::default();
        all.give(partitions);
        assert_eq!(all.ask(1), partitions);
        assert_eq!(all.own(1), partitions);
        all
    }

    fn progress(partition: u32, next: i64) -> Progress {
        Progress {
            partition,
            next,
            note: Some("note".to_owned()),
        }
    }

    #[test]
    fn what_was_noted_last_is_committed_once() {
        let mut partitions = owned(&[0, 1]);
        partitions.note(progress(0, 3));
        partitions.note(progress(0, 4));
        partitions.note(progress(7, 9));
        assert_eq!(partitions.begin(), [progress(0, 4)], "7 isn't owned");
        assert_eq!(partitions.begin(), []);
    }

    #[test]
    fn what_failed_is_committed_again_while_the_partition_is_owned() {
        let mut partitions = owned(&[0, 1, 2]);
        for partition in [0, 1, 2] {
            partitions.note(progress(partition, 5));
        }
        assert_eq!(partitions.begin().len(), 3);
        partitions.note(progress(1, 6));
        assert_eq!(partitions.give_up(&[2, 7]), [2]);
        for partition in [0, 1, 2] {
            partitions.failed(partition, false);
        }
        assert!(partitions.wants());
        assert_eq!(partitions.begin(), [progress(0, 5), progress(1, 6)]);
        partitions.failed(0, true);
        let plain = Progress {
            note: None,
            ..progress(0, 5)
        };
        assert_eq!(partitions.begin(), [plain]);
    }

    #[test]
    fn a_commit_of_an_earlier_assignment_is_not_made_again() {
        let mut partitions = owned(&[0]);
        partitions.note(progress(0, 5));
        partitions.begin();
        partitions.give_up(&[0]);
        // Meanwhile another member has owned it, and may have committed more.
        partitions.give(&[0]);
        assert_eq!(partitions.ask(2), [0]);
        assert_eq!(partitions.own(2), [0]);
        partitions.failed(0, false);
        assert_eq!(partitions.begin(), []);
    }

    #[test]
    fn an_answer_to_an_earlier_question_assigns_nothing() {
        let mut partitions = Partitions::default();
        partitions.give(&[0, 1]);
        assert_eq!(partitions.ask(1), [0, 1]);
        assert!(partitions.ask(2).is_empty());
        let given_up = partitions.give_up(&[1]);
        assert!(given_up.is_empty(), "it wasn't read yet");
        partitions.give(&[1]);
        assert_eq!(partitions.own(1), [0]);
        assert_eq!(partitions.ask(3), [1]);
        partitions.ask_again(3);
        assert_eq!(
            (partitions.own(3), partitions.ask(4)),
            (Vec::new(), vec![1])
        );
        assert_eq!(partitions.owned(), [0]);
    }
}
