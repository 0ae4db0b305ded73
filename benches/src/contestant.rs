//! Who takes part in a comparison, and one run of theirs.
//!
//! A contestant is two programs, a server and a client. Ours are this program itself, told by its
//! first two words what to be; a peer's are its own.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use kafka_rpc_tests::process::{Process, wait_until};
use kafka_rpc_tests::topics::Topics;

use crate::measure::{Figures, Outcome, Plan};
use crate::peers;
use crate::rpc::METADATA;

/// For a program to start, and for one to end beyond the time that it was told to run.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The contestants that are this program.
const OWN: [&str; 5] = ["bare", "by-hand", "rpc", METADATA, "rpc-throughput"];

#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: String,
    server: Vec<String>,
    client: Vec<String>,
    /// For one that doesn't talk to Kafka: where its own broker is, and its process.
    elsewhere: Option<(String, Process)>,
}

/// What one run does, whoever runs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) command_bytes: usize,
    pub(crate) reply_bytes: usize,
    pub(crate) in_flight: usize,
    pub(crate) seconds: f64,
}

impl Contestant {
    /// Makes a contestant ready to run; the inner error is why it can't take part here.
    pub(crate) fn prepare(name: &str) -> Outcome<Result<Self, String>> {
        if OWN.contains(&name) {
            return Ok(Ok(Self {
                name: name.to_owned(),
                server: own(name, "server")?,
                client: own(name, "client")?,
                elsewhere: None,
            }));
        }
        let peer = match peers::prepare(name)? {
            Ok(peer) => peer,
            Err(reason) => return Ok(Err(reason)),
        };
        let elsewhere = match (&peer.broker, peer.address) {
            (Some(broker), Some(address)) => {
                let process = spawn(broker, &[])?;
                if !wait_until(PATIENCE, || TcpStream::connect(&address).is_ok()) {
                    return Err(format!("{name}'s broker: {}", process.output()).into());
                }
                Some((address, process))
            }
            _ => None,
        };
        Ok(Ok(Self {
            name: name.to_owned(),
            server: peer.server,
            client: peer.client,
            elsewhere,
        }))
    }

    /// One run: a server and a client, on topics of their own.
    pub(crate) fn run(&self, brokers: &str, load: Load) -> Outcome<Figures> {
        let topics = Topics::new(brokers);
        let mut plan = Plan {
            brokers: brokers.to_owned(),
            commands: topics.name("commands"),
            results: topics.name("results"),
            command_bytes: load.command_bytes,
            reply_bytes: load.reply_bytes,
            in_flight: load.in_flight,
            seconds: load.seconds,
            server_pid: 0,
        };
        match &self.elsewhere {
            Some((address, _)) => plan.brokers.clone_from(address),
            None => {
                topics.create("commands", 1);
                topics.create("results", 1);
            }
        }
        let mut server = serve(&self.server, &plan.options())?;
        plan.server_pid = server.pid();
        let client = spawn(&self.client, &plan.options())?;
        last_line(client, &mut server, load.seconds)
            .and_then(|line| Ok(serde_json::from_str(&line)?))
    }
}

/// The command line of this program as a server or a client.
pub(crate) fn own(name: &str, side: &str) -> Outcome<Vec<String>> {
    let program = std::env::current_exe()?;
    let program = program.into_os_string().into_string();
    let program = program.map_err(|path| format!("{} is no text", path.display()))?;
    Ok(vec![program, name.to_owned(), side.to_owned()])
}

/// Starts a command line with further arguments.
pub(crate) fn spawn(line: &[String], arguments: &[String]) -> Outcome<Process> {
    let (program, first) = line.split_first().ok_or("a command line is empty")?;
    Ok(Process::spawn(
        Command::new(program).args(first).args(arguments),
    )?)
}

/// Starts a server, and waits until it says that it serves.
pub(crate) fn serve(line: &[String], arguments: &[String]) -> Outcome<Process> {
    let mut server = spawn(line, arguments)?;
    let mut serves = false;
    wait_until(PATIENCE, || {
        serves = server.output().contains("serving");
        serves || !server.is_running()
    });
    if !serves {
        return Err(format!("the server doesn't serve: {}", server.output()).into());
    }
    Ok(server)
}

/// Waits until a client has run for so long, and returns the JSON that it printed at its end.
pub(crate) fn last_line(
    mut client: Process,
    server: &mut Process,
    seconds: f64,
) -> Outcome<String> {
    let ended = client.wait(PATIENCE + Duration::from_secs_f64(seconds));
    if !ended.is_some_and(|status| status.success()) {
        server.kill();
        return Err(format!("{}\n{}", client.output(), server.output()).into());
    }
    Ok(client.wait_for_line("{", PATIENCE))
}
