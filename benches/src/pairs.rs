//! `pairs`: sequential latency and pipelined throughput of contestants, side by side.

use serde::Serialize;

use crate::cluster::Cluster;
use crate::contest::{Match, Skipped};
use crate::contestant::Load;
use crate::measure::Outcome;
use crate::options::Options;
use crate::round::Round;
use crate::{report, rpc};

#[derive(Debug, Serialize)]
struct Results<'a> {
    blocks: usize,
    seconds: f64,
    command_bytes: usize,
    reply_bytes: usize,
    skipped: &'a [Skipped],
    rounds: Vec<InFlight>,
}

#[derive(Debug, Serialize)]
struct InFlight {
    in_flight: usize,
    #[serde(flatten)]
    round: Round,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let data = options.take("--data-bytes", 64, 64)?;
    let in_flight = options.list("--in-flight", &[1, 64, 1024], &[1, 64])?;
    let load = Load {
        command_bytes: rpc::command_bytes(data),
        reply_bytes: rpc::reply_bytes(data),
        in_flight: 64,
        seconds: options.take("--seconds", 4.0, 0.5)?,
    };
    let contestants = ["bare", "rpc"].map(str::to_owned);
    let contestants = options.list("--contestants", &contestants, &contestants)?;
    let blocks = options.take("--blocks", 15, 1)?;
    let warm_up = options.take("--warm-up", 6.0, 0.5)?;
    let json = options.finish()?;
    if in_flight.contains(&0) {
        return Err("nothing would be measured".into());
    }

    let contest = Match::prepare(contestants, blocks)?;
    let cluster = Cluster::open()?;
    println!(
        "{} blocks of {} s, commands of {} bytes, replies of {} bytes, one partition each way",
        contest.blocks, load.seconds, load.command_bytes, load.reply_bytes,
    );
    contest.warm_up(&cluster, load, warm_up)?;
    let mut results = Results {
        blocks: contest.blocks,
        seconds: load.seconds,
        command_bytes: load.command_bytes,
        reply_bytes: load.reply_bytes,
        skipped: &contest.skipped,
        rounds: Vec::new(),
    };
    for in_flight in in_flight {
        println!("\n{in_flight} in flight");
        let round = contest.play(&cluster, Load { in_flight, ..load })?;
        results.rounds.push(InFlight { in_flight, round });
    }
    report::write(json.as_deref(), "pairs", Some(&cluster.version), &results)?;
    results.rounds.iter().try_for_each(|one| one.round.check())
}
