//! The same round trip through kafka-rpc.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use kafka_rpc::{Client, Kafka, RpcError, Server};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::measure::{Outcome, Plan, Stopwatch};

/// What the command's envelope takes beyond its data, with topics named as the comparison does.
const COMMAND_OVERHEAD: usize = 90;

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

/// What comes before the topics' own names.
fn prefix(plan: &Plan) -> Outcome<&str> {
    plan.commands
        .strip_suffix("commands")
        .ok_or_else(|| "the plan's topics have other names".into())
}

/// Echoes until it is killed.
pub(crate) fn server(plan: &Plan) -> Outcome {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let _server = Server::builder(&Kafka::new(&plan.brokers))
            .topic_prefix(prefix(plan)?)
            .service(EchoServer::new(Mirror))
            .start()
            .await?;
        println!("serving");
        std::future::pending().await
    })
}

/// Keeps a number of calls in flight on one thread, and prints what it measured.
pub(crate) fn client(plan: &Plan) -> Outcome {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let stopwatch = LocalSet::new().block_on(&runtime, async {
        let client = Client::builder(&Kafka::new(&plan.brokers))
            .topic_prefix(prefix(plan)?)
            .timeout(Duration::from_secs(30))
            .connect()
            .await?;
        let echo: EchoClient = client.attach().await?;
        let data = vec![0; plan.command_bytes.saturating_sub(COMMAND_OVERHEAD)];
        echo.echo(data.clone()).await?;

        let stopwatch = Rc::new(RefCell::new(Some(Stopwatch::start(plan))));
        let callers: Vec<_> = (0..plan.in_flight)
            .map(|_| {
                let (echo, data) = (echo.clone(), data.clone());
                tokio::task::spawn_local(caller(echo, data, Rc::clone(&stopwatch)))
            })
            .collect();
        for caller in callers {
            if let Some(stopwatch) = caller.await?? {
                return Outcome::Ok(stopwatch);
            }
        }
        Err("no caller saw the end".into())
    })?;
    println!("{}", serde_json::to_string(&stopwatch.stop()?)?);
    Ok(())
}

/// Calls one after another; whoever sees the end of the measured time takes the stopwatch.
async fn caller(
    echo: EchoClient,
    data: Vec<u8>,
    stopwatch: Rc<RefCell<Option<Stopwatch>>>,
) -> Result<Option<Stopwatch>, RpcError> {
    loop {
        let sent = Instant::now();
        let reply = echo.echo(data.clone()).await?;
        assert_eq!(reply.len(), data.len(), "the reply is the one that is due");
        let mut stopwatch = stopwatch.borrow_mut();
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
