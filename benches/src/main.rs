//! The benchmarks of kafka-rpc; `benches/README.md` says what each shows and how to read it.
//!
//! Where servers and clients take part, each is a process of its own: this same program, told by
//! its first two words what to be, so that neither side shares anything with the other.

mod bare;
mod by_hand;
mod cluster;
mod codec;
mod compile_cost;
mod contest;
mod contestant;
mod cpu;
mod footprint;
mod heap;
mod latencies;
mod measure;
mod memory;
mod open_loop;
mod options;
mod pairs;
mod payloads;
mod peers;
mod pending;
mod probe;
mod registry;
mod report;
mod round;
mod rpc;
mod scale;
mod statistics;
mod timing;

use std::process::ExitCode;

use kafka_rpc_tests::allocations::Counting;
use measure::{Outcome, Plan};
use options::Options;

/// Counts in those processes alone that measure by it.
#[global_allocator]
static HEAP: Counting = Counting::new();

const USAGE: &str =
    "usage: kafka-rpc-benches [benchmark] [--option value]... [--quick] [--json file]

  pairs       latency and throughput side by side with the bare librdkafka pair (the default)
                --contestants bare,rpc  who takes part, the first being the measure; there are
                                        bare, by-hand, rpc, rpc-metadata,
                                        rpc-throughput, franz-go, spring and nats
                --in-flight 1,64,1024   --blocks 15   --seconds 4   --warm-up 6   --data-bytes 64
  payloads    the same for several sizes of data
                --sizes 64,1024,16384,262144   --in-flight 1,64   --blocks 7   --seconds 3
                --contestants bare,rpc   --warm-up 6
  open-loop   latency against offered rate
                --rates 1000,5000,20000,40000,60000   --profile latency|throughput
                --seconds 10   --data-bytes 64
  scale       clients x servers x results partitions
                --clients 1,2,4,8   --servers 1,2   --partitions 1,2,4   --in-flight 64
                --seconds 4   --warm-up 15   --commands-partitions 4
  memory      a round trip over the broker in memory
                --in-flight 1,64,1024   --blocks 31   --calls 200000   --log-bytes 1048576
  registry    starting and ending calls while many others are pending
                --pending 1000,100000,1000000   --threads 1,2,4   --blocks 15   --calls 20000
  footprint   bytes of a pending call, what a million timeouts leave behind, allocations per call
                --pending 100000   --timeouts 1000000   --batch 10000   --calls 20000
  codec       encoding, checking and decoding, beside plain rmp-serde
                --samples 31   --sample-ms 20
  compile-cost  what a method of a service costs to compile, beside tarpc's
                --methods 100   --blocks 7
                --folder path   builds there and leaves it, so that the next run starts warm

--quick runs a second or two, to try a benchmark out. --json writes the results to a file.
The broker is that of KAFKA_RPC_BROKERS, else one is started where one is needed.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Outcome {
    match *words {
        ["bare", "server", ref plan @ ..] => bare::server(&Plan::parse(plan)?),
        ["bare", "client", ref plan @ ..] => bare::client(&Plan::parse(plan)?),
        ["by-hand", "server", ref plan @ ..] => by_hand::server(&Plan::parse(plan)?),
        ["by-hand", "client", ref plan @ ..] => by_hand::client(&Plan::parse(plan)?),
        [
            name @ ("rpc" | rpc::METADATA | "rpc-throughput"),
            side,
            ref plan @ ..,
        ] => side_of_rpc(name, side, plan),
        ["--help" | "-h" | "help"] => {
            println!("{USAGE}");
            Ok(())
        }
        [name, ref options @ ..] if !name.starts_with("--") => {
            benchmark(name)?(Options::parse(options)?)
        }
        ref options => pairs::run(Options::parse(options)?),
    }
}

fn side_of_rpc(name: &str, side: &str, words: &[&str]) -> Outcome {
    match (side, words) {
        ("server", plan) => rpc::server(name, &Plan::parse(plan)?),
        ("client", plan) => rpc::client(name, &Plan::parse(plan)?),
        ("counted-server", plan) => heap::server(name, &Plan::parse(plan)?),
        ("counted-client", [plan @ .., calls]) => heap::client(name, &Plan::parse(plan)?, calls),
        ("paced-client", [plan @ .., rate]) => open_loop::client(name, &Plan::parse(plan)?, rate),
        ("scaled-client", [plan @ .., partition, start_ms]) => {
            scale::client(name, &Plan::parse(plan)?, partition, start_ms)
        }
        _ => Err(format!("`{name} {side}` isn't understood").into()),
    }
}

fn benchmark(name: &str) -> Outcome<fn(Options) -> Outcome> {
    Ok(match name {
        "pairs" => pairs::run,
        "payloads" => payloads::run,
        "open-loop" => open_loop::run,
        "scale" => scale::run,
        "memory" => memory::run,
        "registry" => registry::run,
        "footprint" => footprint::run,
        "codec" => codec::run,
        "compile-cost" => compile_cost::run,
        _ => return Err(format!("there is no benchmark `{name}`\n\n{USAGE}").into()),
    })
}
