//! Runs scenarios of deploys and faults on a real Kafka, and prints what came of them.

use std::error::Error;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice::Iter;
use std::time::Duration;

use kafka_rpc_tests::broker::Cluster;
use kafka_rpc_tests::driver::run::{Outcome, Settings, judge, run, schedule};
use kafka_rpc_tests::driver::scenario::{self, Scenario};
use kafka_rpc_tests::driver::server::Membership;
use kafka_rpc_tests::driver::{CALL, SERVE, client, server, table};

const USAGE: &str = "usage: driver --list | --scenario NAME… | --all | --judge FOLDER…
              [--nodes 1|3] [--seed N] [--rate N] [--seconds N] [--kip-848] [--named]
              [--json FILE] [--keep FOLDER]

Runs each scenario on brokers of its own and prints a table. It fails if a scenario breaks what it
asserts; tests/README.md says how to read the table.

  --nodes    how many brokers form the cluster; 1 by default
  --seed     what decides calls and schedule; a random one by default, which is printed
  --rate     how many calls are made in a second; 300 by default
  --seconds  how long faults go on at least, instead of the scenario's own number of rounds
  --kip-848  servers follow KIP-848 instead of the classic protocol
  --named    servers have static names
  --json     where outcomes go with all violations
  --keep     where histories go, a folder for each scenario
  --judge    judges histories that were kept, and runs nothing";

type Done = Result<ExitCode, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Servers and clients are this same binary, so they are never of another build.
    let done = match arguments.as_slice() {
        [role, options] if role == SERVE => serve(options),
        [role, options] if role == CALL => call(options),
        arguments => Options::parse(arguments).and_then(|options| drive(&options)),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

#[tokio::main]
async fn serve(options: &str) -> Done {
    server::serve(serde_json::from_str(options)?).await?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn call(options: &str) -> Done {
    client::call(serde_json::from_str(options)?).await?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Default)]
struct Options {
    list: bool,
    all: bool,
    names: Vec<String>,
    judge: Vec<PathBuf>,
    nodes: Option<usize>,
    seed: Option<u64>,
    rate: Option<u32>,
    seconds: Option<u64>,
    membership: Membership,
    json: Option<PathBuf>,
    keep: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let mut options = Self::default();
        let mut arguments = arguments.iter().peekable();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--list" => options.list = true,
                "--all" => options.all = true,
                "--nodes" => options.nodes = Some(value()?.parse()?),
                "--seed" => options.seed = Some(value()?.parse()?),
                "--rate" => options.rate = Some(value()?.parse()?),
                "--seconds" => options.seconds = Some(value()?.parse()?),
                "--kip-848" => options.membership.kip_848 = true,
                "--named" => options.membership.named = true,
                "--json" => options.json = Some(value()?.into()),
                "--keep" => options.keep = Some(value()?.into()),
                "--scenario" => options.names = list(&mut arguments)?,
                "--judge" => {
                    let folders = list(&mut arguments)?;
                    options.judge = folders.into_iter().map(PathBuf::from).collect();
                }
                _ => return Err(USAGE.into()),
            }
        }
        let nothing = options.names.is_empty() && options.judge.is_empty();
        if nothing && !options.list && !options.all {
            return Err(USAGE.into());
        }
        Ok(options)
    }

    fn scenarios(&self, nodes: usize) -> Result<Vec<Scenario>, String> {
        if self.all {
            let fitting = scenario::ALL.into_iter();
            return Ok(fitting.filter(|scenario| scenario.nodes <= nodes).collect());
        }
        let named = self.names.iter().map(|name| match Scenario::named(name) {
            Some(scenario) if scenario.nodes <= nodes => Ok(scenario),
            Some(scenario) => Err(format!("`{name}` needs --nodes {}", scenario.nodes)),
            None => Err(format!("there is no scenario `{name}`; --list names them")),
        });
        named.collect()
    }
}

/// The values of an argument that takes several.
fn list(arguments: &mut Peekable<Iter<'_, String>>) -> Result<Vec<String>, &'static str> {
    let mut values = Vec::new();
    while let Some(value) = arguments.next_if(|next| !next.starts_with("--")) {
        values.push(value.clone());
    }
    if values.is_empty() {
        Err(USAGE)
    } else {
        Ok(values)
    }
}

/// Judges the history in a folder of `--keep`, whose name says what it is of.
fn judge_kept(folder: &Path, seed: u64) -> Result<Outcome, Box<dyn Error>> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let (name, nodes) = name
        .and_then(|name| name.rsplit_once('-'))
        .ok_or("a kept history's folder is named after its scenario and the number of nodes")?;
    let scenario = Scenario::named(name).ok_or(format!("there is no scenario `{name}`"))?;
    Ok(judge(&scenario, nodes.parse()?, seed, folder)?)
}

fn drive(options: &Options) -> Done {
    if !options.judge.is_empty() {
        println!("{}", table::HEAD);
        for folder in &options.judge {
            let outcome = judge_kept(folder, options.seed.unwrap_or(0))?;
            println!("{}", table::line(&outcome));
            eprint!("{}", table::failures(&outcome));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if options.list {
        for scenario in scenario::ALL {
            println!("{:20} {}", scenario.name, scenario.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let nodes = options.nodes.unwrap_or(1);
    let scenarios = options.scenarios(nodes)?;
    let settings = Settings {
        program: std::env::current_exe()?,
        seed: options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        rate: options.rate.unwrap_or(300),
        seconds: options.seconds,
        calm: Duration::from_secs(5),
        membership: options.membership,
        keep: options.keep.clone(),
    };
    eprintln!("seed {}", settings.seed);
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut unrun = 0;
    for scenario in &scenarios {
        let steps: Vec<String> = schedule(scenario, &settings)
            .iter()
            .map(ToString::to_string)
            .collect();
        eprintln!("{}: {}", scenario.name, steps.join(", "));
        let mut cluster = Cluster::start(nodes)?;
        match run(scenario, &settings, &mut cluster) {
            Ok(outcome) => {
                eprintln!("{}\n{}", table::line(&outcome), table::failures(&outcome));
                outcomes.push(outcome);
            }
            Err(error) => {
                unrun += 1;
                eprintln!("{} can't be run: {error}", scenario.name);
            }
        }
        // After each, so that a run that is broken off leaves what it found.
        if let Some(file) = &options.json {
            std::fs::write(file, serde_json::to_vec_pretty(&outcomes)?)?;
        }
    }
    println!("{}", table::HEAD);
    for outcome in &outcomes {
        println!("{}", table::line(outcome));
    }
    let failed = unrun > 0 || outcomes.iter().any(|outcome| !outcome.holds());
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
