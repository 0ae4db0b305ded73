//! The server and the client of tests that run in several processes.
//!
//! `worker server BROKERS PREFIX [COMMANDS_PARTITIONS [GRACE_SECONDS]]` prints `ready` and serves until
//! SIGTERM.
//! `worker client BROKERS PREFIX CALLS` makes that many calls at once over results partition 0,
//! checks each reply against its own arguments, and prints its statistics.
//! `worker caller BROKERS PREFIX MILLISECONDS` makes six calls, prints `calls`, makes one that takes so
//! long, and prints how that ended.

use std::io::Write;
use std::time::Duration;

use kafka_rpc::{Client, Kafka, Server};
use kafka_rpc_tests::load::{self, Load, LoadClient, LoadServer};
use tokio::signal::unix::{SignalKind, signal};

/// How long it finishes what it runs, if nothing else is said.
const GRACE: Duration = Duration::from_secs(10);

struct Worker;

impl Load for Worker {
    async fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }

    async fn sleep(&self, name: String, milliseconds: u64) -> u64 {
        say(&format!("began {name}"));
        let mut end = End(format!("stopped {name}"));
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        end.0 = format!("ended {name}");
        milliseconds
    }

    async fn who(&self) -> u32 {
        std::process::id()
    }
}

struct End(String);

impl Drop for End {
    fn drop(&mut self) {
        say(&self.0);
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The test that reads it may be gone.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["server", brokers, prefix] => serve(brokers, prefix, 1, GRACE).await,
        ["server", brokers, prefix, partitions] => {
            serve(brokers, prefix, partitions.parse()?, GRACE).await
        }
        ["server", brokers, prefix, partitions, grace] => {
            let grace = Duration::from_secs(grace.parse()?);
            serve(brokers, prefix, partitions.parse()?, grace).await
        }
        ["client", brokers, prefix, calls] => call(brokers, prefix, calls.parse()?).await,
        ["caller", brokers, prefix, milliseconds] => {
            wait(brokers, prefix, milliseconds.parse()?).await
        }
        _ => Err("see the head of this file".into()),
    }
}

async fn serve(
    brokers: &str,
    prefix: &str,
    partitions: u32,
    grace: Duration,
) -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder(&Kafka::new(brokers))
        .topic_prefix(prefix)
        .grace(grace)
        .create_topics(load::topics(partitions))
        .service(LoadServer::new(Worker))
        .start()
        .await?;
    say("ready");
    signal(SignalKind::terminate())?.recv().await;
    say(&format!("{:?}", server.stats()));
    server.shutdown().await?;
    say("left");
    Ok(())
}

async fn call(brokers: &str, prefix: &str, calls: usize) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(&Kafka::new(brokers))
        .topic_prefix(prefix)
        .results_partition(0)
        .max_in_flight(calls)
        .timeout(Duration::from_secs(60))
        .connect()
        .await?;
    let load: LoadClient = client.attach().await?;
    let process = std::process::id();
    let pending: Vec<_> = (0..calls)
        .map(|n| {
            let data = format!("{process}/{n}").into_bytes();
            let call = load.echo(data.clone());
            tokio::spawn(async move { call.await.map(|reply| reply == data) })
        })
        .collect();
    let mut correct = 0;
    for call in pending {
        correct += usize::from(call.await??);
    }
    let stats = client.stats();
    say(&format!(
        "correct={correct} foreign={} late={} duplicate={} in_flight={} resent={}",
        stats.foreign_replies,
        stats.late_replies,
        stats.duplicate_replies,
        stats.in_flight,
        stats.resent
    ));
    Ok(())
}

async fn wait(
    brokers: &str,
    prefix: &str,
    milliseconds: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(&Kafka::new(brokers)).topic_prefix(prefix);
    let load: LoadClient = client.connect().await?.attach().await?;
    for _ in 0..6 {
        load.echo(vec![1]).await?;
    }
    say("calls");
    let call = load.sleep("for the caller".to_owned(), milliseconds);
    match call.timeout(Duration::from_secs(20)).await {
        Ok(_) => say("ended: answered"),
        Err(error) => say(&format!("ended: {:?}", error.code())),
    }
    Ok(())
}
