//! What is done to the processes and the brokers, and when.
//!
//! A schedule is drawn from a seed before anything runs: the same seed gives the same steps.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

/// One step. Servers and clients are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is done for a while.
    Wait(Duration),
    /// A server is started; done when it has joined.
    StartServer(usize),
    /// A server is asked to shut down (SIGTERM).
    StopServer(usize),
    /// A server that was asked to shut down has ended.
    AwaitServer(usize),
    /// SIGKILL to a server.
    KillServer(usize),
    /// SIGSTOP to a server.
    FreezeServer(usize),
    /// SIGCONT to a server.
    ThawServer(usize),
    /// A client is started; done when it has made its first calls.
    StartClient(usize),
    /// SIGKILL to a client.
    KillClient(usize),
    /// SIGSTOP to a client.
    FreezeClient(usize),
    /// SIGCONT to a client.
    ThawClient(usize),
    /// SIGSTOP to a broker.
    FreezeBroker(Node),
    /// SIGCONT to the broker that was stopped.
    ThawBroker,
    /// SIGKILL to a broker.
    KillBroker(Node),
    /// The broker that was killed is started again; done when it answers.
    RestartBroker,
    /// The topics demand a replica on each broker, and one broker is stopped (SIGSTOP) that doesn't
    /// coordinate the group.
    WithholdReplicas,
    /// Ends that.
    ReturnReplicas,
}

/// A broker, chosen by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// It leads the first partition of the commands topic.
    Leader,
    /// It coordinates the servers' group.
    Coordinator,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(time) => write!(f, "wait {:.1} s", time.as_secs_f64()),
            Self::StartServer(server) => write!(f, "start server {server}"),
            Self::StopServer(server) => write!(f, "stop server {server}"),
            Self::AwaitServer(server) => write!(f, "await the end of server {server}"),
            Self::KillServer(server) => write!(f, "kill server {server}"),
            Self::FreezeServer(server) => write!(f, "freeze server {server}"),
            Self::ThawServer(server) => write!(f, "thaw server {server}"),
            Self::StartClient(client) => write!(f, "start client {client}"),
            Self::KillClient(client) => write!(f, "kill client {client}"),
            Self::FreezeClient(client) => write!(f, "freeze client {client}"),
            Self::ThawClient(client) => write!(f, "thaw client {client}"),
            Self::FreezeBroker(node) => write!(f, "freeze the {node}"),
            Self::ThawBroker => f.write_str("thaw the broker"),
            Self::KillBroker(node) => write!(f, "kill the {node}"),
            Self::RestartBroker => f.write_str("restart the broker"),
            Self::WithholdReplicas => f.write_str("withhold replicas"),
            Self::ReturnReplicas => f.write_str("return replicas"),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leader => "leader",
            Self::Coordinator => "coordinator",
        })
    }
}

/// Draws one round of a scenario.
pub type DrawRound = fn(&mut Round<'_>);

/// The steps of one round, while they are drawn.
#[derive(Debug)]
pub struct Round<'r> {
    rng: &'r mut Rng,
    steps: Vec<Step>,
}

impl Round<'_> {
    /// Adds a step.
    pub fn then(&mut self, step: Step) -> &mut Self {
        self.steps.push(step);
        self
    }

    /// Waits so many seconds, and up to a fifth longer, so that rounds don't beat in time with
    /// heartbeats.
    pub fn wait(&mut self, seconds: f64) -> &mut Self {
        let seconds = seconds * (1.0 + self.rng.f64() / 5.0);
        self.then(Step::Wait(Duration::from_secs_f64(seconds)))
    }

    /// Stops a server in good order, and starts it again.
    pub fn restart(&mut self, server: usize) -> &mut Self {
        self.then(Step::StopServer(server))
            .then(Step::AwaitServer(server))
            .then(Step::StartServer(server))
    }

    /// What decides.
    pub fn rng(&mut self) -> &mut Rng {
        self.rng
    }
}

/// Draws a schedule: `rounds` rounds, or as many as `seconds` takes.
#[must_use]
pub fn draw(seed: u64, rounds: usize, seconds: Option<u64>, round: DrawRound) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let mut steps = Vec::new();
    let mut drawn = 0;
    loop {
        let enough = match seconds {
            Some(seconds) => drawn > 0 && waits(&steps) >= Duration::from_secs(seconds),
            None => drawn >= rounds,
        };
        if enough {
            return steps;
        }
        let mut next = Round {
            rng: &mut rng,
            steps: Vec::new(),
        };
        round(&mut next);
        steps.append(&mut next.steps);
        drawn += 1;
    }
}

fn waits(steps: &[Step]) -> Duration {
    let waits = steps.iter().map(|step| match step {
        Step::Wait(time) => *time,
        _ => Duration::ZERO,
    });
    waits.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(round: &mut Round<'_>) {
        round.wait(2.0).restart(0);
    }

    #[test]
    fn a_seed_draws_the_same_schedule_again() {
        assert_eq!(draw(1, 3, None, round), draw(1, 3, None, round));
        assert_ne!(draw(1, 3, None, round), draw(2, 3, None, round));
    }

    #[test]
    fn rounds_or_seconds_decide_its_length() {
        assert_eq!(draw(1, 3, None, round).len(), 12);
        let steps = draw(1, 3, Some(10), round);
        let time = waits(&steps);
        assert!(time >= Duration::from_secs(10), "{time:?}");
        assert!(time < Duration::from_secs(13), "{time:?}");
        assert!(!draw(1, 3, Some(0), round).is_empty());
    }
}
