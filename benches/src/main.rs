//! Compares kafka-rpc with the bare librdkafka pair, side by side on one real broker.
//!
//! Without arguments it runs the comparison; `--help` tells the rest. Each measurement is two
//! processes of this same program, so that neither side shares anything with the other.

mod bare;
mod compare;
mod measure;
mod rpc;
mod statistics;

use std::process::ExitCode;

const USAGE: &str = "usage: kafka-rpc-benches [option value]...

Alternates two pairs of server and client, A B A B, on one broker.
  --a bare|rpc         the first pair (bare)
  --b bare|rpc         the second one (rpc; bare against bare shows the machine's noise)
  --in-flight 1,64     calls in flight (1,64,1024)
  --rounds 7           alternations for each of them
  --seconds 4          measured time of one run, after one second of warm-up
  --warm-up 6          seconds in which the broker gets warm, before everything
  --command-bytes 154  size of a command's value
  --reply-bytes 120    size of a reply's value
The broker is that of KAFKA_RPC_BROKERS, else one is started.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["bare", "server", ref options @ ..] => {
            measure::Plan::parse(options).and_then(|plan| bare::server(&plan))
        }
        ["bare", "client", ref options @ ..] => {
            measure::Plan::parse(options).and_then(|plan| bare::client(&plan))
        }
        ["rpc", "server", ref options @ ..] => {
            measure::Plan::parse(options).and_then(|plan| rpc::server(&plan))
        }
        ["rpc", "client", ref options @ ..] => {
            measure::Plan::parse(options).and_then(|plan| rpc::client(&plan))
        }
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => compare::Settings::parse(&words)
            .map_err(|error| format!("{error}\n\n{USAGE}").into())
            .and_then(|settings| compare::run(&settings)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
