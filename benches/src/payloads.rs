//! `payloads`: small and large payloads, each way, side by side.

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
    skipped: &'a [Skipped],
    rounds: Vec<OfSize>,
}

#[derive(Debug, Serialize)]
struct OfSize {
    data_bytes: usize,
    in_flight: usize,
    #[serde(flatten)]
    round: Round,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let sizes = options.list("--sizes", &[64, 1_024, 16_384, 262_144], &[64, 16_384])?;
    let in_flight = options.list("--in-flight", &[1, 64], &[64])?;
    let seconds = options.take("--seconds", 3.0, 0.3)?;
    let contestants = ["bare", "rpc"].map(str::to_owned);
    let contestants = options.list("--contestants", &contestants, &contestants)?;
    let blocks = options.take("--blocks", 7, 1)?;
    let warm_up = options.take("--warm-up", 6.0, 0.5)?;
    let json = options.finish()?;
    if in_flight.contains(&0) {
        return Err("nothing would be measured".into());
    }

    let contest = Match::prepare(contestants, blocks)?;
    let cluster = Cluster::open()?;
    println!(
        "{} blocks of {seconds} s, one partition each way",
        contest.blocks
    );
    let load = |size: usize, in_flight: usize| Load {
        command_bytes: rpc::command_bytes(size),
        reply_bytes: rpc::reply_bytes(size),
        in_flight,
        seconds,
    };
    contest.warm_up(&cluster, load(64, 64), warm_up)?;
    let mut results = Results {
        blocks: contest.blocks,
        seconds,
        skipped: &contest.skipped,
        rounds: Vec::new(),
    };
    for data_bytes in sizes {
        for &in_flight in &in_flight {
            println!("\n{data_bytes} bytes each way, {in_flight} in flight");
            let round = contest.play(&cluster, load(data_bytes, in_flight))?;
            results.rounds.push(OfSize {
                data_bytes,
                in_flight,
                round,
            });
        }
    }
    report::write(
        json.as_deref(),
        "payloads",
        Some(&cluster.version),
        &results,
    )?;
    results.rounds.iter().try_for_each(|one| one.round.check())
}
