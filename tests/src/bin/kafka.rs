//! Starts a real Apache Kafka on this machine: `kafka up [--port 9092]`.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use kafka_rpc_tests::broker::{self, Broker};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: kafka up [--port <port>]

Starts one Kafka node for development, prints its address, and runs until Ctrl-C.
Needs Java 17 and, the first time, Maven.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["up"] => up(None),
        ["up", "--port", port] => match port.parse() {
            Ok(port) => up(Some(port)),
            Err(_) => Err(format!("`{port}` is no port\n{USAGE}").into()),
        },
        // The harness starts this one by itself.
        ["keep", folder] => broker::keep(Path::new(folder)),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn up(port: Option<u16>) -> Result<(), Box<dyn Error>> {
    // Before the broker: from here on, a signal ends this program in good order.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut builder = Broker::builder();
    if let Some(port) = port {
        builder = builder.port(port);
    }
    let broker = tokio::task::spawn_blocking(|| builder.start());
    let broker = tokio::select! {
        broker = broker => broker??,
        _ = interrupt.recv() => std::process::exit(130),
        _ = terminate.recv() => std::process::exit(143),
    };
    println!("KAFKA_RPC_BROKERS={}", broker.bootstrap());
    println!("Kafka is up; Ctrl-C stops it and removes its data.");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    drop(broker);
    Ok(())
}
