//! The processes of a run: started, struck, and brought to their end.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use super::event::{DRIVER, Event, Exit, Role};
use super::history::Writer;
use super::server::Membership;
use super::workload::Mix;
use super::{CALL, READY, SERVE, client, server};
use crate::broker::Cluster;
use crate::process::{Process, wait_until};

/// How long a process may take before it does its work.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a process may take to end: a server has 10 s of grace, and a client waits for calls of
/// 20 s.
const END_PATIENCE: Duration = Duration::from_secs(40);

/// What the processes of a run have in common.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// The driver's own binary, which is also that of servers and clients.
    pub(super) program: PathBuf,
    pub(super) prefix: String,
    pub(super) folder: PathBuf,
    pub(super) mix: Mix,
    pub(super) rate: u32,
    pub(super) seed: u64,
    pub(super) membership: Membership,
}

/// Servers, clients and brokers.
pub(super) struct Fleet<'c> {
    pub(super) setup: Setup,
    pub(super) cluster: &'c mut Cluster,
    pub(super) history: Writer,
    pub(super) servers: Vec<Option<Member>>,
    clients: Vec<Option<Member>>,
    /// The number of the process that was started last.
    last: u32,
    /// The node that is stopped or killed.
    pub(super) struck: Option<usize>,
}

/// A process that runs.
pub(super) struct Member {
    pub(super) process: Process,
    number: u32,
    pub(super) frozen: bool,
}

impl<'c> Fleet<'c> {
    pub(super) fn new(setup: Setup, cluster: &'c mut Cluster) -> io::Result<Self> {
        Ok(Self {
            history: Writer::create(&setup.folder, DRIVER)?,
            setup,
            cluster,
            servers: Vec::new(),
            clients: Vec::new(),
            last: DRIVER,
            struck: None,
        })
    }

    /// Ends the load and then all processes, each in good order.
    pub(super) fn end(&mut self) {
        self.history.record(Event::LoadEnds);
        for client in self.clients.iter_mut().flatten() {
            client.process.terminate();
        }
        for index in 0..self.clients.len() {
            self.reap(Role::Client, index);
        }
        // Not SIGTERM: first they have to come to rest.
        for server in self.servers.iter_mut().flatten() {
            server.process.interrupt();
        }
        for index in 0..self.servers.len() {
            self.reap(Role::Server, index);
        }
    }

    fn list(&mut self, role: Role) -> &mut Vec<Option<Member>> {
        match role {
            Role::Server => &mut self.servers,
            Role::Client => &mut self.clients,
        }
    }

    pub(super) fn member(&mut self, role: Role, index: usize) -> Option<&mut Member> {
        self.list(role).get_mut(index)?.as_mut()
    }

    /// Starts a process in a place that is free, and waits until it does its work.
    pub(super) fn start(&mut self, role: Role, index: usize) {
        if self.member(role, index).is_some() {
            return;
        }
        self.last += 1;
        let number = self.last;
        self.history.record(Event::Started { number, role });
        let started = Process::spawn(&mut self.command(role, index, number));
        let mut process = match started {
            Ok(process) => process,
            Err(error) => return self.exited(number, Exit::Failed(error.to_string())),
        };
        let ready = wait_until(START_PATIENCE, || {
            process.output().contains(READY) || !process.is_running()
        });
        if !ready || !process.is_running() {
            let how = format!("it never got ready: {}", process.output());
            process.kill();
            return self.exited(number, Exit::Failed(how));
        }
        let list = self.list(role);
        list.resize_with(list.len().max(index + 1), || None);
        list[index] = Some(Member {
            process,
            number,
            frozen: false,
        });
    }

    fn command(&self, role: Role, index: usize, number: u32) -> Command {
        let Setup {
            program,
            prefix,
            folder,
            mix,
            rate,
            seed,
            membership,
        } = self.setup.clone();
        let brokers = self.cluster.bootstrap();
        let mut command = Command::new(program);
        match role {
            Role::Server => command.arg(SERVE).arg(json(&server::Options {
                brokers,
                prefix,
                folder,
                number,
                membership,
                instance: membership.named.then(|| format!("server-{index}")),
            })),
            Role::Client => command.arg(CALL).arg(json(&client::Options {
                brokers,
                prefix,
                folder,
                number,
                mix,
                rate,
                seed,
                servers: self.servers.iter().flatten().count(),
            })),
        };
        command
    }

    fn exited(&self, number: u32, exit: Exit) {
        self.history.record(Event::Exited { number, exit });
    }

    /// Waits for the end of a process that was asked to end.
    pub(super) fn reap(&mut self, role: Role, index: usize) {
        let Some(mut member) = self.list(role).get_mut(index).and_then(Option::take) else {
            return;
        };
        let exit = match member.process.wait(END_PATIENCE) {
            Some(status) if status.success() => Exit::Asked,
            Some(status) => Exit::Failed(format!("{status}: {}", member.process.output())),
            None => {
                member.process.kill();
                Exit::Failed(format!("it still ran after {END_PATIENCE:?}"))
            }
        };
        self.exited(member.number, exit);
    }

    pub(super) fn kill(&mut self, role: Role, index: usize) {
        let Some(mut member) = self.list(role).get_mut(index).and_then(Option::take) else {
            return;
        };
        // One that is gone already failed by itself.
        if member.process.is_running() {
            member.process.kill();
            self.exited(member.number, Exit::Killed);
        } else {
            self.exited(member.number, Exit::Failed(member.process.output()));
        }
    }

    pub(super) fn freeze(&mut self, role: Role, index: usize) {
        if let Some(member) = self.member(role, index) {
            member.process.pause();
            member.frozen = true;
        }
    }

    pub(super) fn thaw(&mut self, role: Role, index: usize) {
        if let Some(member) = self.member(role, index) {
            member.process.resume();
            member.frozen = false;
        }
    }
}

fn json(options: &impl Serialize) -> String {
    serde_json::to_string(options).expect("options of strings and numbers are JSON")
}
