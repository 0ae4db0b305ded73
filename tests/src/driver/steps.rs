//! Carries out the steps of a schedule.

use std::time::Duration;

use super::brokers::Brokers;
use super::event::{Event, Phase, Role};
use super::fleet::Fleet;
use super::schedule::{Node, Step};
use crate::process::wait_until;

/// How long servers may take to share out the partitions.
const SETTLE_PATIENCE: Duration = Duration::from_secs(60);

impl Fleet<'_> {
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

    /// Waits until every server has its share of the partitions, so that none moves while the first
    /// calls are made.
    ///
    /// # Errors
    /// They don't get there.
    pub(super) fn settle(&self) -> Result<(), String> {
        if self.setup.membership.kip_848 {
            // Its coordinator doesn't tell what this asks for; the first calm is long enough.
            return Ok(());
        }
        let brokers = self.brokers()?;
        let servers = self.servers.iter().flatten().count();
        let settled = || brokers.is_settled(&self.group(), servers);
        if wait_until(SETTLE_PATIENCE, settled) {
            Ok(())
        } else {
            Err("the servers never shared out the partitions".to_owned())
        }
    }

    fn mark(&self, step: &Step, phase: Phase) {
        let name = step.to_string();
        self.history.record(Event::Fault { name, phase });
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

    fn group(&self) -> String {
        format!("{}driver", self.setup.prefix)
    }

    fn commands(&self) -> String {
        format!("{}driver.commands", self.setup.prefix)
    }

    fn choose(&mut self, node: Node) -> Result<usize, String> {
        let brokers = self.brokers()?;
        let chosen = match node {
            Node::Leader => brokers.leader(&self.commands(), 0)?,
            Node::Coordinator => brokers.coordinator(&self.group())?,
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
