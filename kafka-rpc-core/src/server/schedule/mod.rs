//! Decides which command is started next: order within a lane, and a bound on how many run at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// In what order a service's commands run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ordering {
    /// Commands with the same key run one after another, in the order of their partition; all others
    /// run at once.
    #[default]
    ByKey,
    /// The commands of a partition run one after another, in its order.
    ByPartition,
    /// All commands run at once, as far as the server's concurrency allows.
    Unordered,
}

/// Commands of one lane run one after another.
///
/// The partition is part of it, since a client sends one key to one partition only, and so a lane
/// ends with its partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    partition: u32,
    key: Option<Arc<[u8]>>,
}

impl Ordering {
    /// The lane of a command; `None` if it needs to wait for no other.
    pub(crate) fn lane(self, partition: u32, key: Option<&[u8]>) -> Option<Lane> {
        match (self, key) {
            (Self::ByPartition, _) => Some(Lane {
                partition,
                key: None,
            }),
            (Self::ByKey, Some(key)) => Some(Lane {
                partition,
                key: Some(key.into()),
            }),
            (Self::ByKey, None) | (Self::Unordered, _) => None,
        }
    }
}

/// There is room for jobs that come ahead of it.
const FIRST_ARRIVAL: u64 = 1 << 63;

/// Where a queued job waits; finds it again.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    arrival: u64,
    lane: Option<Lane>,
}

/// One of the slots that bound how many jobs run; given back by [`Schedule::finished`].
#[derive(Debug, Default)]
#[must_use = "a slot that isn't given back is lost"]
pub(crate) struct Slot {
    lane: Option<Lane>,
}

/// Jobs that wait for a slot, or for the job before them in their lane.
#[derive(Debug)]
pub(crate) struct Schedule<J> {
    concurrency: usize,
    running: usize,
    queued: usize,
    arrivals: u64,
    /// Counts down: the last job that came ahead of all others.
    ahead: u64,
    /// Jobs that need only a slot, by arrival.
    ready: BTreeMap<u64, Waiting<J>>,
    /// A lane is here while something occupies it.
    lanes: HashMap<Lane, Occupied<J>>,
}

/// A lane that something occupies.
#[derive(Debug)]
struct Occupied<J> {
    /// How many do: a job that is ready or running, or calls that run elsewhere.
    by: usize,
    /// The jobs behind that, by arrival.
    behind: VecDeque<(u64, J)>,
}

impl<J> Default for Occupied<J> {
    fn default() -> Self {
        Self {
            by: 1,
            behind: VecDeque::new(),
        }
    }
}

#[derive(Debug)]
struct Waiting<J> {
    partition: u32,
    lane: Option<Lane>,
    job: J,
}

impl<J> Schedule<J> {
    /// Nothing waits and nothing runs; at most `concurrency` jobs will run at once.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            concurrency,
            running: 0,
            queued: 0,
            arrivals: FIRST_ARRIVAL,
            ahead: FIRST_ARRIVAL,
            ready: BTreeMap::new(),
            lanes: HashMap::new(),
        }
    }

    /// How many jobs wait.
    pub(crate) const fn queued(&self) -> usize {
        self.queued
    }

    /// How many jobs run.
    pub(crate) const fn running(&self) -> usize {
        self.running
    }

    /// Queues a job behind all others of its lane.
    pub(crate) fn push(&mut self, partition: u32, lane: Option<Lane>, job: J) -> Place {
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.queued += 1;
        let place = Place { arrival, lane };
        if let Some(lane) = &place.lane {
            match self.lanes.entry(lane.clone()) {
                Entry::Occupied(mut lane) => {
                    lane.get_mut().behind.push_back((arrival, job));
                    return place;
                }
                Entry::Vacant(free) => {
                    free.insert(Occupied::default());
                }
            }
        }
        let lane = place.lane.clone();
        self.ready.insert(
            arrival,
            Waiting {
                partition,
                lane,
                job,
            },
        );
        place
    }

    /// A slot for a job of this lane that hasn't been pushed, if it needs to wait for nothing; else
    /// the lane.
    pub(crate) fn start_at_once(&mut self, lane: Option<Lane>) -> Result<Slot, Option<Lane>> {
        if self.running >= self.concurrency || !self.ready.is_empty() {
            return Err(lane);
        }
        if let Some(lane) = &lane {
            match self.lanes.entry(lane.clone()) {
                Entry::Occupied(_) => return Err(Some(lane.clone())),
                Entry::Vacant(free) => {
                    free.insert(Occupied::default());
                }
            }
        }
        self.running += 1;
        Ok(Slot { lane })
    }

    /// The job that has waited longest and may run now, if there is one and a slot is free.
    pub(crate) fn start(&mut self) -> Option<(Slot, J)> {
        if self.running >= self.concurrency {
            return None;
        }
        let (_, Waiting { lane, job, .. }) = self.ready.pop_first()?;
        self.queued -= 1;
        self.running += 1;
        Some((Slot { lane }, job))
    }

    /// The job that was started with this slot has ended.
    pub(crate) fn finished(&mut self, slot: Slot) {
        self.running -= 1;
        if let Some(lane) = slot.lane {
            self.advance(lane);
        }
    }

    /// Takes a job out that hasn't been started.
    pub(crate) fn remove(&mut self, place: &Place) -> Option<J> {
        if let Some(Waiting { lane, job, .. }) = self.ready.remove(&place.arrival) {
            self.queued -= 1;
            if let Some(lane) = lane {
                self.advance(lane);
            }
            return Some(job);
        }
        let behind = &mut self.lanes.get_mut(place.lane.as_ref()?)?.behind;
        let index = behind
            .binary_search_by_key(&place.arrival, |(arrival, _)| *arrival)
            .ok()?;
        self.queued -= 1;
        behind.remove(index).map(|(_, job)| job)
    }

    /// Takes out every job of these partitions that hasn't been started.
    pub(crate) fn discard(&mut self, partitions: &[u32]) -> Vec<J> {
        let mut discarded = Vec::new();
        for (lane, occupied) in &mut self.lanes {
            if partitions.contains(&lane.partition) {
                discarded.extend(occupied.behind.drain(..).map(|(_, job)| job));
            }
        }
        let gone: Vec<u64> = self
            .ready
            .iter()
            .filter(|(_, waiting)| partitions.contains(&waiting.partition))
            .map(|(arrival, _)| *arrival)
            .collect();
        self.queued -= discarded.len() + gone.len();
        for arrival in gone {
            if let Some(Waiting { lane, job, .. }) = self.ready.remove(&arrival) {
                discarded.push(job);
                if let Some(lane) = lane {
                    self.advance(lane);
                }
            }
        }
        discarded
    }

    /// A call that runs elsewhere occupies its lane, until it is [vacated](Self::vacate).
    pub(crate) fn occupy(&mut self, lane: Lane) {
        match self.lanes.entry(lane) {
            Entry::Occupied(mut lane) => lane.get_mut().by += 1,
            Entry::Vacant(free) => {
                free.insert(Occupied::default());
            }
        }
    }

    /// A call that occupied its lane doesn't any more.
    pub(crate) fn vacate(&mut self, lane: Lane) {
        self.advance(lane);
    }

    /// Queues a job ahead of all others. It takes the place of a call that [occupied](Self::occupy) its
    /// lane; of several such calls, the last one comes first.
    pub(crate) fn push_ahead(&mut self, partition: u32, lane: Option<Lane>, job: J) -> Place {
        self.ahead -= 1;
        self.queued += 1;
        let place = Place {
            arrival: self.ahead,
            lane,
        };
        if let Some(lane) = &place.lane
            && let Some(occupied) = self.lanes.get_mut(lane)
            && occupied.by > 1
        {
            occupied.by -= 1;
            occupied.behind.push_front((self.ahead, job));
            return place;
        }
        let lane = place.lane.clone();
        let waiting = Waiting {
            partition,
            lane,
            job,
        };
        self.ready.insert(self.ahead, waiting);
        place
    }

    /// What occupied a lane is gone: the next job becomes ready, if that was the last.
    fn advance(&mut self, lane: Lane) {
        let Entry::Occupied(mut occupied) = self.lanes.entry(lane) else {
            return;
        };
        occupied.get_mut().by -= 1;
        if occupied.get().by > 0 {
            return;
        }
        match occupied.get_mut().behind.pop_front() {
            None => {
                occupied.remove();
            }
            Some((arrival, job)) => {
                occupied.get_mut().by = 1;
                let lane = occupied.key().clone();
                self.ready.insert(
                    arrival,
                    Waiting {
                        partition: lane.partition,
                        lane: Some(lane),
                        job,
                    },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
