//! The processes of a run, and the steps that are carried out on them.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use super::brokers::Brokers;
use super::history::{DRIVER, Event, Exit, Phase, Role, Writer};
use super::schedule::{Node, Step};
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
}

/// Servers, clients and brokers.
pub(super) struct Fleet<'c> {
    setup: Setup,
    cluster: &'c mut Cluster,
    history: Writer,
    servers: Vec<Option<Member>>,
    clients: Vec<Option<Member>>,
    /// The number of the process that was started last.
    last: u32,
    /// The node that is stopped or killed.
    struck: Option<usize>,
}

struct Member {
    process: Process,
    number: u32,
    frozen: bool,
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

    /// Carries out a step, and records it.
    ///
    /// # Errors
    /// The cluster doesn't do what it is asked.
    pub(super) fn perform(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Wait(time) => std::thread::sleep(time),
            Step::StartServer(index) => {
                self.start(Role::Server, index);
                self.mark(step, Phase::End);
            }
            Step::StopServer(index) => {
                if let Some(server) = self.member(Role::Server, index) {
                    server.process.terminate();
                }
                // Where another one serves, calls go on.
                let phase = self.phase_without(index);
                self.mark(step, phase);
            }
            Step::AwaitServer(index) => self.reap(Role::Server, index),
            Step::KillServer(index) => {
                let phase = self.phase_without(index);
                self.mark(step, phase);
                self.kill(Role::Server, index);
            }
            Step::FreezeServer(index) => {
                let phase = self.phase_without(index);
                self.mark(step, phase);
                self.freeze(Role::Server, index);
            }
            Step::ThawServer(index) => {
                self.thaw(Role::Server, index);
                self.mark(step, Phase::End);
            }
            Step::StartClient(index) => {
                self.start(Role::Client, index);
                self.mark(step, Phase::End);
            }
            Step::KillClient(index) => {
                self.mark(step, Phase::End);
                self.kill(Role::Client, index);
            }
            Step::FreezeClient(index) => {
                self.mark(step, Phase::End);
                self.freeze(Role::Client, index);
            }
            Step::ThawClient(index) => {
                self.thaw(Role::Client, index);
                self.mark(step, Phase::End);
            }
            Step::FreezeBroker(node) => {
                let node = self.choose(node)?;
                self.mark(step, Phase::Start);
                self.cluster.node(node).pause();
            }
            Step::KillBroker(node) => {
                let node = self.choose(node)?;
                // Where there are others, they take over.
                let alone = self.cluster.size() == 1;
                self.mark(step, if alone { Phase::Start } else { Phase::End });
                self.cluster.node(node).kill();
            }
            Step::ThawBroker => {
                if let Some(node) = self.struck.take() {
                    self.cluster.node(node).resume();
                }
                self.mark(step, Phase::End);
            }
            Step::RestartBroker => {
                if let Some(node) = self.struck.take() {
                    self.cluster.node(node).restart();
                }
                self.mark(step, Phase::End);
            }
            Step::WithholdReplicas => self.withhold_replicas(step)?,
            Step::ReturnReplicas => {
                if let Some(node) = self.struck.take() {
                    self.cluster.node(node).resume();
                }
                self.demand_replicas(self.cluster.size().min(2))?;
                self.mark(step, Phase::End);
            }
        }
        Ok(())
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

    fn mark(&self, step: &Step, phase: Phase) {
        let name = step.to_string();
        self.history.record(Event::Fault { name, phase });
    }

    fn list(&mut self, role: Role) -> &mut Vec<Option<Member>> {
        match role {
            Role::Server => &mut self.servers,
            Role::Client => &mut self.clients,
        }
    }

    fn member(&mut self, role: Role, index: usize) -> Option<&mut Member> {
        self.list(role).get_mut(index)?.as_mut()
    }

    /// Starts a process in a place that is free, and waits until it does its work.
    fn start(&mut self, role: Role, index: usize) {
        if self.member(role, index).is_some() {
            return;
        }
        self.last += 1;
        let number = self.last;
        self.history.record(Event::Started { number, role });
        let started = Process::spawn(&mut self.command(role, number));
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

    fn command(&self, role: Role, number: u32) -> Command {
        let Setup {
            program,
            prefix,
            folder,
            mix,
            rate,
            seed,
        } = self.setup.clone();
        let brokers = self.cluster.bootstrap();
        let mut command = Command::new(program);
        match role {
            Role::Server => command.arg(SERVE).arg(json(&server::Options {
                brokers,
                prefix,
                folder,
                number,
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
    fn reap(&mut self, role: Role, index: usize) {
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

    fn kill(&mut self, role: Role, index: usize) {
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

    fn freeze(&mut self, role: Role, index: usize) {
        if let Some(member) = self.member(role, index) {
            member.process.pause();
            member.frozen = true;
        }
    }

    fn thaw(&mut self, role: Role, index: usize) {
        if let Some(member) = self.member(role, index) {
            member.process.resume();
            member.frozen = false;
        }
    }

    /// Whether calls can succeed while a server is away.
    fn phase_without(&self, away: usize) -> Phase {
        let others = self.servers.iter().enumerate().filter(|(index, server)| {
            *index != away && server.as_ref().is_some_and(|server| !server.frozen)
        });
        if others.count() > 0 {
            Phase::End
        } else {
            Phase::Start
        }
    }

    fn brokers(&self) -> Result<Brokers, String> {
        Brokers::connect(&self.cluster.bootstrap())
    }

    fn commands(&self) -> String {
        format!("{}driver.commands", self.setup.prefix)
    }

    fn choose(&mut self, node: Node) -> Result<usize, String> {
        let brokers = self.brokers()?;
        let chosen = match node {
            Node::Leader => brokers.leader(&self.commands(), 0)?,
            Node::Coordinator => brokers.coordinator(&format!("{}driver", self.setup.prefix))?,
        };
        self.struck = Some(chosen);
        Ok(chosen)
    }

    fn withhold_replicas(&mut self, step: &Step) -> Result<(), String> {
        let size = self.cluster.size();
        let coordinator = self.choose(Node::Coordinator)?;
        self.struck = (1..=size).find(|node| *node != coordinator);
        self.mark(step, Phase::Start);
        // No more than there are replicas: brokers take that for what there are.
        self.demand_replicas(size)?;
        if let Some(node) = self.struck {
            self.cluster.node(node).pause();
        }
        Ok(())
    }

    fn demand_replicas(&self, replicas: usize) -> Result<(), String> {
        let brokers = self.brokers()?;
        brokers.demand_replicas(&self.commands(), replicas)?;
        let results = format!("{}driver.results", self.setup.prefix);
        brokers.demand_replicas(&results, replicas)
    }
}

fn json(options: &impl Serialize) -> String {
    serde_json::to_string(options).expect("options of strings and numbers are JSON")
}
