//! The contestants of a comparison, who alternate on one broker.
//!
//! A machine drifts: neighbours in time are alike, so each run of a contestant is set against the
//! run of the first one in the same block, and the median of these ratios is what counts.

use serde::Serialize;

use crate::cluster::Cluster;
use crate::contestant::{Contestant, Load};
use crate::measure::{Figures, Outcome};
use crate::options::Options;
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
    /// Takes `--contestants` and `--blocks`, and makes the contestants ready.
    pub(crate) fn parse(options: &mut Options, names: &str, blocks: usize) -> Outcome<Self> {
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        let names = options.list("--contestants", &names, &names)?;
        let mut contest = Self {
            contestants: Vec::new(),
            blocks: options.take("--blocks", blocks, 1)?,
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
        if contest.blocks == 0 || contest.contestants.is_empty() {
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

    /// Runs all blocks of one load, and prints what they showed.
    pub(crate) fn play(&self, cluster: &Cluster, load: Load) -> Outcome<Round> {
        let mut runs: Vec<Vec<Figures>> = vec![Vec::new(); self.contestants.len()];
        let mut failed: Vec<Skipped> = Vec::new();
        for _ in 0..self.blocks {
            for (contestant, runs) in self.contestants.iter().zip(&mut runs) {
                let name = &contestant.name;
                if failed.iter().any(|failed| failed.name == *name) {
                    continue;
                }
                match contestant.run(&cluster.brokers, load) {
                    Ok(figures) => runs.push(figures),
                    Err(error) => failed.push(Skipped {
                        name: name.clone(),
                        reason: error.to_string(),
                    }),
                }
            }
        }
        let entrants = self.contestants.iter().zip(runs);
        let complete = entrants
            .filter(|(_, runs)| runs.len() == self.blocks)
            .map(|(contestant, runs)| (contestant.name.clone(), runs));
        let round = Round::new(complete, failed)?;
        round.print();
        Ok(round)
    }
}
