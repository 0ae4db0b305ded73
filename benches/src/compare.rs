//! Alternates two pairs on one broker and prints their figures and the ratios of neighbours.
//!
//! A machine drifts: neighbours in time are alike, so each run of B is set against the run of A
//! just before it, and the median of these ratios is what counts.

use std::process::Command;
use std::time::Duration;

use kafka_rpc_tests::broker::Broker;
use kafka_rpc_tests::process::Process;
use kafka_rpc_tests::topics::Topics;

use crate::measure::{Figures, Outcome, Plan};
use crate::statistics::{bootstrap, median};

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    a: String,
    b: String,
    in_flight: Vec<usize>,
    rounds: usize,
    seconds: f64,
    /// Of the broker, before the first run: its Java is slow until it has compiled itself.
    warm_up_seconds: f64,
    command_bytes: usize,
    reply_bytes: usize,
}

impl Settings {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let mut settings = Self {
            a: "bare".to_owned(),
            b: "rpc".to_owned(),
            in_flight: vec![1, 64, 1024],
            rounds: 7,
            seconds: 4.0,
            warm_up_seconds: 6.0,
            command_bytes: 154,
            reply_bytes: 120,
        };
        for option in words.chunks(2) {
            let [name, value] = *option else {
                return Err(format!("{} needs a value", option[0]).into());
            };
            match (name, value) {
                ("--a", "bare" | "rpc") => settings.a = value.to_owned(),
                ("--b", "bare" | "rpc") => settings.b = value.to_owned(),
                ("--in-flight", list) => {
                    let numbers: Result<_, _> = list.split(',').map(str::parse).collect();
                    settings.in_flight = numbers?;
                }
                ("--rounds", number) => settings.rounds = number.parse()?,
                ("--seconds", number) => settings.seconds = number.parse()?,
                ("--warm-up", number) => settings.warm_up_seconds = number.parse()?,
                ("--command-bytes", number) => settings.command_bytes = number.parse()?,
                ("--reply-bytes", number) => settings.reply_bytes = number.parse()?,
                _ => return Err(format!("{name} {value} isn't understood").into()),
            }
        }
        if settings.rounds == 0 || settings.in_flight.contains(&0) {
            return Err("nothing would be measured".into());
        }
        Ok(settings)
    }
}

pub(crate) fn run(settings: &Settings) -> Outcome {
    let (_broker, brokers) = match std::env::var("KAFKA_RPC_BROKERS") {
        Ok(brokers) if !brokers.is_empty() => (None, brokers),
        _ => {
            let broker = Broker::builder().start()?;
            let brokers = broker.bootstrap();
            (Some(broker), brokers)
        }
    };
    println!(
        "{} rounds of {} s, commands of {} bytes, replies of {} bytes, one partition each way",
        settings.rounds, settings.seconds, settings.command_bytes, settings.reply_bytes,
    );
    measure("bare", 64, settings.warm_up_seconds, settings, &brokers)?;

    let mut absent = None;
    for &in_flight in &settings.in_flight {
        println!("\n{in_flight} in flight");
        println!(
            "  {:<6}{:>10}{:>10}{:>10}{:>11}{:>16}{:>16}",
            "", "p50 µs", "p90 µs", "p99 µs", "calls/s", "client µs/call", "server µs/call",
        );
        let mut pairs = (Vec::new(), Vec::new());
        for _ in 0..settings.rounds {
            let a = measure(&settings.a, in_flight, settings.seconds, settings, &brokers)?;
            pairs.0.push(a);
            if absent.is_none() {
                match measure(&settings.b, in_flight, settings.seconds, settings, &brokers) {
                    Ok(b) => pairs.1.push(b),
                    Err(reason) => absent = Some(reason),
                }
            }
        }
        print_medians(&format!("A {}", settings.a), &pairs.0);
        if absent.is_none() {
            print_medians(&format!("B {}", settings.b), &pairs.1);
            print_ratios(&pairs.0, &pairs.1);
        }
    }
    // A comparison without its second side is no comparison.
    absent.map_or(Ok(()), Err)
}

/// One run: a server and a client, on topics of their own.
fn measure(
    pair: &str,
    in_flight: usize,
    seconds: f64,
    settings: &Settings,
    brokers: &str,
) -> Outcome<Figures> {
    let topics = Topics::new(brokers);
    let mut plan = Plan {
        brokers: brokers.to_owned(),
        commands: topics.create("commands", 1),
        results: topics.create("results", 1),
        command_bytes: settings.command_bytes,
        reply_bytes: settings.reply_bytes,
        in_flight,
        seconds,
        server_pid: 0,
    };
    let start = |side: &str, plan: &Plan| -> Outcome<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        Ok(Process::spawn(
            command.args([pair, side]).args(plan.options()),
        )?)
    };
    let mut server = start("server", &plan)?;
    plan.server_pid = server.pid();
    let mut client = start("client", &plan)?;
    let patience = PATIENCE + Duration::from_secs_f64(seconds);
    let ended = client.wait(patience);
    if !ended.is_some_and(|status| status.success()) {
        server.kill();
        return Err(format!("{}\n{}", client.output(), server.output()).into());
    }
    let line = client.wait_for_line("{", PATIENCE);
    Ok(serde_json::from_str(&line)?)
}

fn column(figures: &[Figures], pick: impl Fn(&Figures) -> f64) -> Vec<f64> {
    figures.iter().map(pick).collect()
}

fn print_medians(name: &str, figures: &[Figures]) {
    let of = |pick: fn(&Figures) -> f64| median(&column(figures, pick));
    println!(
        "  {name:<6}{:>10.0}{:>10.0}{:>10.0}{:>11.0}{:>16.1}{:>16.1}",
        of(|one| one.p50_us),
        of(|one| one.p90_us),
        of(|one| one.p99_us),
        of(|one| one.calls_per_second),
        of(|one| one.client_cpu_us_per_call),
        of(|one| one.server_cpu_us_per_call),
    );
}

fn print_ratios(a: &[Figures], b: &[Figures]) {
    let ratio = |name: &str, pick: fn(&Figures) -> f64| {
        let ratios: Vec<f64> = a.iter().zip(b).map(|(a, b)| pick(b) / pick(a)).collect();
        let estimate = bootstrap(&ratios);
        println!(
            "  B/A {name:<9}{:>6.3}  95 %: {:.3} to {:.3}",
            estimate.median, estimate.low, estimate.high,
        );
    };
    ratio("p50", |one| one.p50_us);
    ratio("p90", |one| one.p90_us);
    ratio("p99", |one| one.p99_us);
    ratio("calls/s", |one| one.calls_per_second);
    ratio("CPU/call", |one| {
        one.client_cpu_us_per_call + one.server_cpu_us_per_call
    });
}
