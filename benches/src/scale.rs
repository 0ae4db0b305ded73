//! `scale`: what grows when clients, servers and results partitions do.
//!
//! Clients that share a results partition read each other's replies, and drop them by their keys.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kafka_rpc_tests::process::Process;
use kafka_rpc_tests::topics::Topics;
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::contestant::{last_line, own, serve, spawn};
use crate::latencies::Latencies;
use crate::measure::{Figures, Outcome, Plan, Stopwatch};
use crate::options::Options;
use crate::{cpu, report, rpc};

/// Until all clients of a run are connected and warm; each takes a moment of the cores.
const READY: Duration = Duration::from_millis(2_000);
const READY_EACH: Duration = Duration::from_millis(250);

/// What a client prints.
#[derive(Debug, Deserialize, Serialize)]
struct Scaled {
    #[serde(flatten)]
    figures: Figures,
    /// Replies to other clients for each of its own, over the client's whole life.
    foreign_per_reply: f64,
}

/// One cell of the grid.
#[derive(Debug, Serialize)]
struct Cell {
    clients: usize,
    servers: usize,
    results_partitions: usize,
    calls_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    client_cpu_us_per_call: f64,
    server_cpu_us_per_call: f64,
    broker_cpu_us_per_call: Option<f64>,
    foreign_per_reply: f64,
    /// What sharing the partitions evenly gives.
    foreign_expected: f64,
}

#[derive(Debug, Serialize)]
struct Results {
    in_flight_per_client: usize,
    seconds: f64,
    commands_partitions: u32,
    grid: Vec<Cell>,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let clients = options.list("--clients", &[1, 2, 4, 8], &[1, 2])?;
    let servers = options.list("--servers", &[1, 2], &[1])?;
    let partitions = options.list("--partitions", &[1, 2, 4], &[1])?;
    let mut results = Results {
        in_flight_per_client: options.take("--in-flight", 64, 16)?,
        seconds: options.take("--seconds", 4.0, 0.3)?,
        commands_partitions: options.take("--commands-partitions", 4, 4)?,
        grid: Vec::new(),
    };
    let warm_up = options.take("--warm-up", 15.0, 0.3)?;
    let json = options.finish()?;
    if [&clients, &servers, &partitions]
        .iter()
        .any(|list| list.contains(&0))
    {
        return Err("nothing would be measured".into());
    }

    let cluster = Cluster::open()?;
    println!(
        "{} calls in flight per client, {} s, {} commands partitions; CPU in µs per call\n",
        results.in_flight_per_client, results.seconds, results.commands_partitions,
    );
    println!(
        "{:>7}{:>8}{:>11}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>15}",
        "clients",
        "servers",
        "partitions",
        "calls/s",
        "p50 µs",
        "p99 µs",
        "client",
        "server",
        "broker",
        "foreign/reply",
    );
    // The broker's Java is slow until it has compiled itself.
    let first = Results {
        seconds: warm_up,
        grid: Vec::new(),
        ..results
    };
    first.measure(&cluster, most(&clients), most(&servers), most(&partitions))?;
    for &servers in &servers {
        for &results_partitions in &partitions {
            for &clients in &clients {
                let cell = results.measure(&cluster, clients, servers, results_partitions)?;
                cell.print();
                results.grid.push(cell);
            }
        }
    }
    report::write(json.as_deref(), "scale", Some(&cluster.version), &results)
}

fn most(counts: &[usize]) -> usize {
    counts.iter().copied().max().unwrap_or(1)
}

impl Results {
    fn measure(
        &self,
        cluster: &Cluster,
        clients: usize,
        servers: usize,
        results_partitions: usize,
    ) -> Outcome<Cell> {
        let topics = Topics::new(&cluster.brokers);
        let mut plan = Plan {
            brokers: cluster.brokers.clone(),
            commands: topics.create("commands", self.commands_partitions),
            results: topics.create("results", u32::try_from(results_partitions)?),
            command_bytes: rpc::command_bytes(64),
            reply_bytes: rpc::reply_bytes(64),
            in_flight: self.in_flight_per_client,
            seconds: self.seconds,
            server_pid: 0,
        };
        let mut served: Vec<Process> = (0..servers)
            .map(|_| serve(&own("rpc", "server")?, &plan.options()))
            .collect::<Outcome<_>>()?;
        plan.server_pid = served[0].pid();
        let ready = READY + READY_EACH * u32::try_from(clients)?;
        let start = Instant::now() + ready;
        let start_ms = (SystemTime::now() + ready)
            .duration_since(UNIX_EPOCH)?
            .as_millis()
            .to_string();
        let calling: Vec<Process> = (0..clients)
            .map(|number| {
                let mut line = own("rpc", "scaled-client")?;
                line.extend(plan.options());
                let partition = (number % results_partitions).to_string();
                spawn(&line, &[partition, start_ms.clone()])
            })
            .collect::<Outcome<_>>()?;

        let pids = |processes: &[Process]| processes.iter().map(Process::pid).collect::<Vec<_>>();
        let kinds = [
            pids(&calling),
            pids(&served),
            cluster.pid().into_iter().collect(),
        ];
        let cpu = || {
            kinds
                .each_ref()
                .map(|pids| pids.iter().copied().map(cpu::time_us).sum())
        };
        // It is the passing of time that is measured.
        thread::sleep(start.saturating_duration_since(Instant::now()));
        let before: [f64; 3] = cpu();
        thread::sleep(Duration::from_secs_f64(self.seconds));
        let after: [f64; 3] = cpu();

        let mut latencies = Vec::new();
        let (mut rate, mut foreign) = (0.0, 0.0);
        for client in calling {
            let line = last_line(client, &mut served[0], self.seconds)?;
            let scaled: Scaled = serde_json::from_str(&line)?;
            if let Some(sparse) = &scaled.figures.latencies {
                latencies.push(Latencies::from_sparse(sparse)?);
            }
            rate += scaled.figures.calls_per_second;
            foreign += scaled.foreign_per_reply / clients as f64;
        }
        let latencies = Latencies::pool(&latencies)?;
        let per_call = |kind: usize| (after[kind] - before[kind]) / (rate * self.seconds);
        // Partitions that one client more shares, and the others.
        let (share, more) = (clients / results_partitions, clients % results_partitions);
        let neighbours = more * (share + 1) * share
            + (results_partitions - more) * share * share.saturating_sub(1);
        Ok(Cell {
            clients,
            servers,
            results_partitions,
            calls_per_second: rate,
            p50_us: latencies.quantile_us(0.5),
            p99_us: latencies.quantile_us(0.99),
            client_cpu_us_per_call: per_call(0),
            server_cpu_us_per_call: per_call(1),
            broker_cpu_us_per_call: cluster.pid().map(|_| per_call(2)),
            foreign_per_reply: foreign,
            foreign_expected: neighbours as f64 / clients as f64,
        })
    }
}

impl Cell {
    fn print(&self) {
        let broker = self.broker_cpu_us_per_call;
        println!(
            "{:>7}{:>8}{:>11}{:>10.0}{:>9.0}{:>9.0}{:>9.1}{:>9.1}{:>9}{:>8.2} of {:.2}",
            self.clients,
            self.servers,
            self.results_partitions,
            self.calls_per_second,
            self.p50_us,
            self.p99_us,
            self.client_cpu_us_per_call,
            self.server_cpu_us_per_call,
            broker.map_or("?".to_owned(), |cpu| format!("{cpu:.1}")),
            self.foreign_per_reply,
            self.foreign_expected,
        );
    }
}

/// Keeps calls in flight from now on, and measures from a point in time that all clients share.
pub(crate) fn client(name: &str, plan: &Plan, partition: &str, start_ms: &str) -> Outcome {
    let start = UNIX_EPOCH + Duration::from_millis(start_ms.parse()?);
    let options = rpc::options(name, plan)?.results_partition(partition.parse()?);
    let (figures, stats) = rpc::closed_loop(options, plan, false, || {
        let left = start
            .duration_since(SystemTime::now())
            .map_err(|_| "the client was not ready in time")?;
        Ok(Stopwatch::start(plan)?.warm_for(left))
    })?;
    let scaled = Scaled {
        foreign_per_reply: stats.foreign_replies as f64 / stats.answered as f64,
        figures,
    };
    println!("{}", serde_json::to_string(&scaled)?);
    Ok(())
}
