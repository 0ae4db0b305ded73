//! A round trip by NATS core's request and reply, which keeps nothing: what a call costs without a
//! log.
//!
//! `server|client address commands results command_bytes reply_bytes in_flight seconds server_pid`

mod stopwatch;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use async_nats::client::RequestErrorKind;
use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use tokio::runtime::Builder;

use crate::stopwatch::Stopwatch;

const PATIENCE: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(20);

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

struct Plan {
    address: String,
    commands: String,
    command_bytes: usize,
    reply_bytes: usize,
    in_flight: usize,
    measured: Duration,
    server_pid: u32,
}

impl Plan {
    fn parse(options: &[String]) -> Outcome<Self> {
        // Replies go to an inbox of the client's, which needs no name.
        let [
            address,
            commands,
            _results,
            command_bytes,
            reply_bytes,
            in_flight,
            seconds,
            server_pid,
        ] = options
        else {
            return Err(format!("8 options are expected, not {}", options.len()).into());
        };
        Ok(Self {
            address: address.clone(),
            commands: commands.clone(),
            command_bytes: command_bytes.parse()?,
            reply_bytes: reply_bytes.parse()?,
            in_flight: in_flight.parse()?,
            measured: Duration::try_from_secs_f64(seconds.parse()?)?,
            server_pid: server_pid.parse()?,
        })
    }

    async fn connect(&self) -> Outcome<Client> {
        let until = Instant::now() + PATIENCE;
        loop {
            match ConnectOptions::new().connect(&self.address).await {
                // The server may be starting.
                Err(_) if Instant::now() < until => tokio::time::sleep(RETRY).await,
                connected => return Ok(connected?),
            }
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Outcome {
    let (side, options) = words.split_first().ok_or("server or client?")?;
    let plan = Plan::parse(options)?;
    // One thread on each side: the tasks do too little to be worth handing on.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    match side.as_str() {
        "server" => runtime.block_on(serve(&plan)),
        "client" => runtime.block_on(call(plan)),
        _ => Err(format!("{side} is neither server nor client").into()),
    }
}

/// Echoes until it is killed.
async fn serve(plan: &Plan) -> Outcome {
    let client = plan.connect().await?;
    let mut commands = client.subscribe(plan.commands.clone()).await?;
    client.flush().await?;
    println!("serving");
    let reply = zeros(plan.reply_bytes);
    while let Some(command) = commands.next().await {
        let inbox = command.reply.ok_or("a command names where to reply")?;
        client.publish(inbox, reply.clone()).await?;
    }
    Err("the connection is gone".into())
}

/// Keeps a number of calls in flight, each a task, and prints what it measured.
async fn call(plan: Plan) -> Outcome {
    let client = plan.connect().await?;
    wait_for_server(&client, &plan).await?;

    let stopwatch = Stopwatch::start(plan.measured, plan.server_pid);
    let callers: Vec<_> = (0..plan.in_flight)
        .map(|_| {
            let (client, stopwatch) = (client.clone(), stopwatch.clone());
            let (subject, command) = (plan.commands.clone(), zeros(plan.command_bytes));
            let reply_bytes = plan.reply_bytes;
            tokio::spawn(async move {
                loop {
                    let sent = Instant::now();
                    let reply = client.request(subject.clone(), command.clone()).await?;
                    if reply.payload.len() != reply_bytes {
                        return Err("a reply isn't the one that is due".into());
                    }
                    if !stopwatch.record(sent, Instant::now()) {
                        return Outcome::Ok(());
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    println!("{}", stopwatch.figures()?);
    Ok(())
}

/// Until somebody listens, the broker refuses a request at once.
async fn wait_for_server(client: &Client, plan: &Plan) -> Outcome {
    let until = Instant::now() + PATIENCE;
    loop {
        let command = zeros(plan.command_bytes);
        match client.request(plan.commands.clone(), command).await {
            Ok(_) => return Ok(()),
            Err(error)
                if error.kind() == RequestErrorKind::NoResponders && Instant::now() < until =>
            {
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn zeros(length: usize) -> bytes::Bytes {
    vec![0; length].into()
}
