//! The contestants of a comparison, who alternate on one broker.
//!
//! A machine drifts: neighbours in time are alike, so each run of a contestant is set against the
//! run of the first one in the same block, and the median of these ratios is what counts.

use serde::Serialize;

use crate::cluster::Cluster;
use crate::contestant::{Contestant, Load};
use crate::measure::{Figures, Outcome};
use crate::round::Round;

/// Contestants and how long they run.
#[derive(Debug)]
pub(crate) struct Match {
    contestants: Vec<Contestant>,
    pub(crate) blocks: usize,
    pub(crate) skipped: Vec<Skipped>,
}

/// A contestant that could not be measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Skipped {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Match {
    /// Makes the contestants ready, and says which have to be left out.
    pub(crate) fn prepare(names: Vec<String>, blocks: usize) -> Outcome<Self> {
        let mut contest = Self {
            contestants: Vec::new(),
            blocks,
            skipped: Vec::new(),
        };
        for name in names {
            match Contestant::prepare(&name)? {
                Ok(contestant) => contest.contestants.push(contestant),
                Err(reason) => {
                    println!("skipped: {name}: {reason}");
                    contest.skipped.push(Skipped { name, reason });
                }
            }
        }
        if blocks == 0 || contest.contestants.is_empty() {
            return Err("nothing would be measured".into());
        }
        Ok(contest)
    }

    /// Lets the broker get warm: its Java is slow until it has compiled itself.
    pub(crate) fn warm_up(&self, cluster: &Cluster, load: Load, seconds: f64) -> Outcome {
        let bare = Contestant::prepare("bare")??;
        bare.run(&cluster.brokers, Load { seconds, ..load })?;
        Ok(())
    }

    /// Runs all blocks of one load, and prints what they showed. Who fails is out from then on, and
    /// keeps the blocks before.
    pub(crate) fn play(&self, cluster: &Cluster, load: Load) -> Outcome<Round> {
        let mut runs: Vec<Vec<Figures>> = vec![Vec::new(); self.contestants.len()];
        let mut failed: Vec<Skipped> = Vec::new();
        for block in 0..self.blocks {
            let mut order: Vec<usize> = (0..self.contestants.len()).collect();
            if block % 2 == 1 {
                // A broker that still gets warmer favours no side.
                order.reverse();
            }
            for index in order {
                let contestant = &self.contestants[index];
                if runs[index].len() < block {
                    continue; // It has failed.
                }
                match contestant.run(&cluster.brokers, load) {
                    Ok(figures) => runs[index].push(figures),
                    Err(error) => failed.push(Skipped {
                        name: contestant.name.clone(),
                        reason: error.to_string(),
                    }),
                }
            }
        }
        let entrants = self.contestants.iter().zip(runs);
        let measured = entrants
            .filter(|(_, runs)| !runs.is_empty())
            .map(|(contestant, runs)| (contestant.name.clone(), runs));
        let round = Round::new(measured, failed)?;
        round.print();
        Ok(round)
    }
}
