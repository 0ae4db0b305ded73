//! Runs one scenario.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::checker::{Expectation, Report, check};
use super::fleet::{Fleet, Setup};
use super::history::History;
use super::scenario::{Concession, Scenario};
use super::schedule::{self, Step};
use super::server::Membership;
use crate::broker::Cluster;
use crate::run;

/// How many clients there are.
const CLIENTS: usize = 2;

/// How a scenario is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The driver's own binary, which is also that of servers and clients.
    pub program: PathBuf,
    /// What decides calls and schedule.
    pub seed: u64,
    /// How many calls all clients together make in a second.
    pub rate: u32,
    /// How long the schedule is at least; by default the scenario says how many rounds it has.
    pub seconds: Option<u64>,
    /// How long calls are made before the first fault, and again after the last one's recovery.
    pub calm: Duration,
    /// How servers are members of their group.
    pub membership: Membership,
    /// Where the histories are kept; by default they are deleted.
    pub keep: Option<PathBuf>,
}

/// What came of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The scenario.
    pub scenario: &'static str,
    /// How many brokers there were.
    pub nodes: usize,
    /// What decided calls and schedule.
    pub seed: u64,
    /// The judgement.
    #[serde(flatten)]
    pub report: Report,
}

impl Outcome {
    /// Whether everything holds that the scenario asserts.
    #[must_use]
    pub fn holds(&self) -> bool {
        let scenario = Scenario::named(self.scenario);
        let concession = |invariant| -> Option<Concession> { scenario?.concession(invariant) };
        let mut broken = self.report.violations.iter();
        broken.all(|violation| concession(violation.invariant).is_some())
    }
}

/// The schedule of a scenario.
#[must_use]
pub fn schedule(scenario: &Scenario, settings: &Settings) -> Vec<Step> {
    let Scenario { rounds, round, .. } = *scenario;
    schedule::draw(settings.seed, rounds, settings.seconds, round)
}

/// Runs a scenario on a cluster in which nothing else happens.
///
/// # Errors
/// A step can't be carried out, or the history can't be written or read.
pub fn run(
    scenario: &Scenario,
    settings: &Settings,
    cluster: &mut Cluster,
) -> Result<Outcome, String> {
    let temporary = run::temp_dir("driver-").map_err(|error| error.to_string())?;
    let folder = match &settings.keep {
        Some(parent) => parent.join(format!("{}-{}", scenario.name, cluster.size())),
        None => temporary.path().to_owned(),
    };
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let setup = Setup {
        program: settings.program.clone(),
        // The same cluster may have seen the same scenario before.
        prefix: format!("{}-{:08x}-", scenario.name, fastrand::u32(..)),
        folder: folder.clone(),
        mix: scenario.mix,
        rate: (settings.rate / u32::try_from(CLIENTS).unwrap_or(1)).max(1),
        seed: settings.seed,
        membership: settings.membership,
    };
    let nodes = cluster.size();
    let mut fleet = Fleet::new(setup, cluster).map_err(|error| error.to_string())?;
    for server in 0..scenario.servers {
        fleet.perform(&Step::StartServer(server))?;
    }
    fleet.settle()?;
    for client in 0..CLIENTS {
        fleet.perform(&Step::StartClient(client))?;
    }
    fleet.perform(&Step::Wait(settings.calm))?;
    for step in schedule(scenario, settings) {
        fleet
            .perform(&step)
            .map_err(|error| format!("{step}: {error}"))?;
    }
    let recovery = Duration::from_secs(scenario.recovery);
    fleet.perform(&Step::Wait(recovery + settings.calm))?;
    fleet.end();

    judge(scenario, nodes, settings.seed, &folder)
}

/// Judges the history in a folder.
///
/// # Errors
/// It can't be read.
pub fn judge(
    scenario: &Scenario,
    nodes: usize,
    seed: u64,
    folder: &Path,
) -> Result<Outcome, String> {
    let history = History::read(folder).map_err(|error| error.to_string())?;
    let expectation = Expectation {
        recovery: Duration::from_secs(scenario.recovery),
        answered_percent: scenario.answered,
    };
    Ok(Outcome {
        scenario: scenario.name,
        nodes,
        seed,
        report: check(&history, expectation),
    })
}
