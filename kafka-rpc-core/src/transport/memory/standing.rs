//! How the broker sees a group's member.

use crate::transport::memory::groups::Place;
use crate::transport::memory::member::Phase;
use crate::transport::memory::state::{State, unreachable};
use crate::transport::{Lag, Standing};

impl State {
    /// How a member is. One that has ended is no member.
    pub(super) fn standing(&mut self, place: Place) -> Standing {
        let trouble = self
            .member_and_topic(place)
            .and_then(|(_, readable)| readable.err());
        let (group, topic) = self.group(place.group);
        let ends: Vec<i64> = topic.map_or_else(Vec::new, |topic| {
            topic.partitions.iter().map(|log| log.end()).collect()
        });
        let committed: Vec<Option<i64>> = (0..)
            .zip(&ends)
            .map(|(partition, _)| group.committed(partition))
            .collect();
        let Some(member) = group.member(place.member) else {
            return Standing::default();
        };
        let progress = member.positions.keys().filter_map(|partition| {
            let index = usize::try_from(*partition).ok()?;
            Some(Lag {
                partition: *partition,
                end: *ends.get(index)?,
                committed: *committed.get(index)?,
            })
        });
        Standing {
            accepted: matches!(member.phase, Phase::Joined | Phase::Leaving),
            fenced: member.fenced,
            progress: progress.collect(),
            trouble: trouble
                .or_else(|| (!member.node.connected()).then(|| unreachable(&member.node))),
            ..Standing::default()
        }
    }
}
