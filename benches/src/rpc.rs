//! The same round trip through kafka-rpc.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafka_rpc::{Client, ClientBuilder, ClientStats, Kafka, Profile, RpcError, Server};
use tokio::runtime::Builder;

use crate::measure::{Figures, Outcome, Plan, Stopwatch};

/// What the envelopes take beyond their data, with topics named as the benchmarks do.
const COMMAND_OVERHEAD: usize = 110;
const REPLY_OVERHEAD: usize = 69;

/// The contestant whose calls all ask for their metadata.
pub(crate) const METADATA: &str = "rpc-metadata";

/// Sends data there and as much back as the plan says.
#[kafka_rpc::service(commands = "commands", results = "results")]
pub(crate) trait Echo {
    /// Returns its argument.
    async fn echo(&self, data: Vec<u8>) -> Vec<u8>;
}

struct Mirror;

impl Echo for Mirror {
    async fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }
}

/// The size of a command's value that carries so much data.
pub(crate) const fn command_bytes(data: usize) -> usize {
    data + COMMAND_OVERHEAD
}

/// The size of a reply's value that carries so much data.
pub(crate) const fn reply_bytes(data: usize) -> usize {
    data + REPLY_OVERHEAD
}

/// The data of a call that a plan wants.
pub(crate) fn data(plan: &Plan) -> Vec<u8> {
    vec![0; plan.command_bytes.saturating_sub(COMMAND_OVERHEAD)]
}

/// The cluster, with the profile that a contestant's name stands for.
pub(crate) fn kafka(name: &str, plan: &Plan) -> Outcome<Kafka> {
    let profile = match name {
        "rpc" | METADATA => Profile::Latency,
        "rpc-throughput" => Profile::Throughput,
        _ => return Err(format!("the contestant `{name}` isn't kafka-rpc").into()),
    };
    Ok(Kafka::new(&plan.brokers).profile(profile))
}

/// What comes before the topics' own names.
pub(crate) fn prefix(plan: &Plan) -> Outcome<&str> {
    plan.commands
        .strip_suffix("commands")
        .ok_or_else(|| "the plan's topics have other names".into())
}

/// A client's options as all benchmarks have them.
pub(crate) fn options(name: &str, plan: &Plan) -> Outcome<ClientBuilder> {
    Ok(Client::builder(&kafka(name, plan)?)
        .topic_prefix(prefix(plan)?)
        .timeout(Duration::from_secs(30)))
}

/// Echoes until it is killed.
pub(crate) fn server(name: &str, plan: &Plan) -> Outcome {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let _server = Server::builder(&kafka(name, plan)?)
            .topic_prefix(prefix(plan)?)
            .service(EchoServer::new(Mirror))
            .start()
            .await?;
        println!("serving");
        std::future::pending().await
    })
}

/// Keeps a number of calls in flight on one thread, and prints what it measured.
pub(crate) fn client(name: &str, plan: &Plan) -> Outcome {
    let start = || Stopwatch::start(plan);
    let (figures, _) = closed_loop(options(name, plan)?, plan, name == METADATA, start)?;
    figures.print()
}

/// The same for a client with options of its own; also returns what it has counted.
pub(crate) fn closed_loop(
    options: ClientBuilder,
    plan: &Plan,
    metadata: bool,
    start: impl FnOnce() -> Outcome<Stopwatch>,
) -> Outcome<(Figures, ClientStats)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = options.connect().await?;
        let echo: EchoClient = client.attach().await?;
        let data = data(plan);
        echo.echo(data.clone()).await?;

        let stopwatch = Arc::new(Mutex::new(Some(start()?)));
        let callers: Vec<_> = (0..plan.in_flight)
            .map(|_| {
                let (echo, data) = (echo.clone(), data.clone());
                tokio::spawn(caller(echo, data, metadata, Arc::clone(&stopwatch)))
            })
            .collect();
        for caller in callers {
            if let Some(stopwatch) = caller.await?? {
                return Ok((stopwatch.stop()?, client.stats()));
            }
        }
        Err("no caller saw the end".into())
    })
}

/// Calls one after another; whoever sees the end of the measured time takes the stopwatch.
async fn caller(
    echo: EchoClient,
    data: Vec<u8>,
    metadata: bool,
    stopwatch: Arc<Mutex<Option<Stopwatch>>>,
) -> Result<Option<Stopwatch>, RpcError> {
    loop {
        let sent = Instant::now();
        let call = echo.echo(data.clone());
        let reply = if metadata {
            call.with_metadata().await?.value
        } else {
            call.await?
        };
        assert_eq!(reply.len(), data.len(), "the reply is the one that is due");
        let mut stopwatch = stopwatch.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *stopwatch {
            None => return Ok(None),
            Some(running) => {
                if !running.record(sent, Instant::now()) {
                    return Ok(stopwatch.take());
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kafka_rpc::testing::MemoryBroker;
    use kafka_rpc::{Server, TopicSettings};

    use super::*;

    /// The bare pair's records are only as large as ours if these sizes are right.
    #[test]
    fn records_are_as_large_as_the_plan_says() {
        const PREFIX: &str = "test-0123456789abcdef-";
        let broker = MemoryBroker::new();
        let topics = TopicSettings::default()
            .commands_partitions(1)
            .results_partitions(1);
        let _server = Server::builder(&broker)
            .topic_prefix(PREFIX)
            .create_topics(topics)
            .service(EchoServer::new(Mirror))
            .start()
            .wait()
            .unwrap();
        let client = Client::builder(&broker)
            .topic_prefix(PREFIX)
            .timeout(Duration::from_secs(30))
            .connect();
        let echo: EchoClient = client.wait().unwrap().attach().wait().unwrap();
        // All commands but the first say when they were sent.
        echo.echo(Vec::new()).wait().unwrap();
        for size in [64, 1024, 16_384] {
            echo.echo(vec![0; size]).wait().unwrap();
            let last = |topic: &str| {
                let records = broker.records(&format!("{PREFIX}{topic}"), 0).unwrap();
                records.last().unwrap().value.as_ref().unwrap().len()
            };
            // Lengths and times take a byte or a few, by their values.
            for (found, planned) in [
                (last("commands"), command_bytes(size)),
                (last("results"), reply_bytes(size)),
            ] {
                assert!(
                    found.abs_diff(planned) <= 4,
                    "{size}: {found}, not {planned}"
                );
            }
        }
    }
}
