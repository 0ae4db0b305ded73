//! The scenarios, and what each of them doesn't assert.

use super::checker::Invariant::{
    self, KeyOrder, KeyOverlap, NoRepeat, NotRunIsTrue, PatientCallsSucceed,
};
use super::schedule::{DrawRound, Node, Round, Step};
use super::workload::Mix;

/// Which faults strike which processes.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// How many brokers it needs at least.
    pub nodes: usize,
    /// How many servers run at the beginning.
    pub servers: usize,
    /// Which calls the two clients make.
    pub mix: Mix,
    /// One round of faults.
    pub round: DrawRound,
    /// How many rounds there are.
    pub rounds: usize,
    /// How long after the last fault calls may still fail, in seconds.
    pub recovery: u64,
    /// How many of the calls of two seconds or more must be answered, in percent.
    pub answered: u64,
}

/// Why a scenario doesn't assert an invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concession {
    /// No promise is broken: delivery is at least once, and an outage longer than a call fails it.
    Allowed,
    /// A promise is broken, and known to be.
    ExpectedToday,
}

/// What isn't asserted: the scenario, what may happen for good, and what happens today. Whatever stands
/// in neither list fails the run. A fix takes its invariant out of the last list.
#[rustfmt::skip]
const CONCESSIONS: &[(&str, &[Invariant], &[Invariant])] = &[
    ("baseline",             &[],                              &[]),
    ("rolling-quick",        &[],                              &[]),
    ("rolling-mixed",        &[],                              &[]),
    ("deploy-quick",         &[],                              &[]),
    ("deploy-mixed",         &[],                              &[]),
    ("join-leave",           &[],                              &[]),
    ("server-kill",          &[NoRepeat, PatientCallsSucceed], &[]),
    ("only-server-kill",     &[NoRepeat, PatientCallsSucceed], &[]),
    ("server-freeze",        &[NoRepeat, PatientCallsSucceed, NotRunIsTrue, KeyOverlap, KeyOrder], &[]),
    ("client-kill",          &[],                              &[]),
    ("client-freeze",        &[PatientCallsSucceed],           &[]),
    ("broker-freeze-4s",     &[PatientCallsSucceed],           &[]),
    ("broker-freeze-20s",    &[NoRepeat, PatientCallsSucceed], &[]),
    ("broker-kill",          &[NoRepeat, PatientCallsSucceed], &[]),
    ("leader-kill",          &[NoRepeat, PatientCallsSucceed], &[]),
    ("coordinator-kill",     &[NoRepeat, PatientCallsSucceed], &[]),
    ("too-few-replicas",     &[NoRepeat, PatientCallsSucceed], &[]),
    ("slow-revocation",      &[],                              &[]),
    ("rebalance-storm",      &[],                              &[PatientCallsSucceed]),
];

/// Every scenario.
pub const ALL: [Scenario; 19] = [
    Scenario {
        round: |round| {
            round.wait(5.0);
        },
        rounds: 4,
        answered: 90,
        ..calm("baseline", "no fault at all")
    },
    Scenario {
        mix: Mix::Quick,
        round: |round| {
            round.restart(0).wait(2.0).restart(1).wait(2.0);
        },
        rounds: 6,
        answered: 90,
        ..calm(
            "rolling-quick",
            "both servers restart in turn; handlers take 3 ms at most",
        )
    },
    Scenario {
        round: |round| {
            round.restart(0).wait(4.0).restart(1).wait(4.0);
        },
        rounds: 4,
        ..calm("rolling-mixed", "the same with handlers of up to 3 s")
    },
    Scenario {
        servers: 3,
        mix: Mix::Quick,
        round: deploy,
        rounds: 20,
        answered: 90,
        ..calm(
            "deploy-quick",
            "three servers restart in turn, 20 times; handlers take 3 ms at most",
        )
    },
    Scenario {
        servers: 3,
        round: deploy,
        rounds: 20,
        ..calm("deploy-mixed", "the same with handlers of up to 3 s")
    },
    Scenario {
        round: |round| {
            round.then(Step::StartServer(2)).wait(2.0);
            round.then(Step::StopServer(2)).wait(2.0);
            round.then(Step::AwaitServer(2));
        },
        rounds: 30,
        ..calm(
            "join-leave",
            "a third server joins or leaves in order every 2 s",
        )
    },
    Scenario {
        round: |round| {
            let victim = round.rng().usize(0..2);
            round.then(Step::KillServer(victim)).wait(8.0);
            round.then(Step::StartServer(victim)).wait(4.0);
        },
        rounds: 5,
        ..calm(
            "server-kill",
            "SIGKILL to one of two servers, which is back after 8 s",
        )
    },
    Scenario {
        servers: 1,
        round: |round| {
            round.then(Step::KillServer(0)).wait(2.0);
            round.then(Step::StartServer(0)).wait(10.0);
        },
        rounds: 3,
        ..calm(
            "only-server-kill",
            "SIGKILL to the only server, which is back after 2 s",
        )
    },
    Scenario {
        round: |round| {
            let victim = round.rng().usize(0..2);
            round.then(Step::FreezeServer(victim)).wait(15.0);
            round.then(Step::ThawServer(victim)).wait(8.0);
        },
        rounds: 2,
        ..calm("server-freeze", "SIGSTOP to one of two servers for 15 s")
    },
    Scenario {
        round: |round| {
            let victim = round.rng().usize(0..2);
            round.wait(2.0).then(Step::KillClient(victim)).wait(1.0);
            round.then(Step::StartClient(victim));
        },
        rounds: 6,
        answered: 90,
        ..calm(
            "client-kill",
            "SIGKILL to one of two clients in the middle of its calls",
        )
    },
    Scenario {
        round: |round| {
            round.then(Step::FreezeClient(0)).wait(5.0);
            round.then(Step::ThawClient(0)).wait(4.0);
        },
        rounds: 3,
        ..calm("client-freeze", "SIGSTOP to one of two clients for 5 s")
    },
    Scenario {
        round: |round| {
            round.then(Step::FreezeBroker(Node::Leader)).wait(4.0);
            round.then(Step::ThawBroker).wait(8.0);
        },
        rounds: 4,
        answered: 50,
        ..calm(
            "broker-freeze-4s",
            "SIGSTOP to a broker for 4 s, which is less than a session",
        )
    },
    Scenario {
        round: |round| {
            round.then(Step::FreezeBroker(Node::Leader)).wait(20.0);
            round.then(Step::ThawBroker).wait(10.0);
        },
        rounds: 1,
        answered: 30,
        ..calm(
            "broker-freeze-20s",
            "SIGSTOP to a broker for 20 s, which is more than a session",
        )
    },
    Scenario {
        round: |round| {
            round.then(Step::KillBroker(Node::Leader)).wait(5.0);
            round.then(Step::RestartBroker).wait(15.0);
        },
        rounds: 2,
        answered: 30,
        ..calm(
            "broker-kill",
            "SIGKILL to a broker, which is back some seconds later",
        )
    },
    Scenario {
        nodes: 3,
        round: |round| {
            round.then(Step::KillBroker(Node::Leader)).wait(20.0);
            round.then(Step::RestartBroker).wait(10.0);
        },
        rounds: 2,
        answered: 50,
        ..calm(
            "leader-kill",
            "SIGKILL to the leader of a partition, which others take over",
        )
    },
    Scenario {
        nodes: 3,
        round: |round| {
            round.then(Step::KillBroker(Node::Coordinator)).wait(20.0);
            round.then(Step::RestartBroker).wait(10.0);
        },
        rounds: 2,
        answered: 50,
        ..calm(
            "coordinator-kill",
            "SIGKILL to the group's coordinator, which others take over",
        )
    },
    Scenario {
        nodes: 3,
        round: |round| {
            round.then(Step::WithholdReplicas).wait(45.0);
            round.then(Step::ReturnReplicas).wait(10.0);
        },
        rounds: 1,
        answered: 20,
        ..calm(
            "too-few-replicas",
            "min.insync.replicas aren't met for 45 s",
        )
    },
    Scenario {
        servers: 1,
        mix: Mix::Long,
        round: |round| {
            round.then(Step::StartServer(1)).wait(12.0);
            round
                .then(Step::StopServer(1))
                .then(Step::AwaitServer(1))
                .wait(10.0);
        },
        rounds: 2,
        ..calm(
            "slow-revocation",
            "a server joins and leaves, and each time handlers of 8 s run",
        )
    },
    Scenario {
        servers: 3,
        round: |round| {
            for _ in 0..5 {
                let server = round.rng().usize(0..3);
                let pause = round.rng().f64() * 2.0;
                round.restart(server).wait(pause);
            }
        },
        rounds: 5,
        ..calm(
            "rebalance-storm",
            "one of three servers restarts every other second",
        )
    },
];

/// Restarts each of three servers.
fn deploy(round: &mut Round<'_>) {
    for server in 0..3 {
        round.restart(server).wait(1.0);
    }
}

/// The short variants that every test run makes.
#[must_use]
pub fn short() -> Vec<Scenario> {
    let variants: [(&str, Option<DrawRound>, u64); 4] = [
        ("rolling-quick", None, 0),
        ("client-kill", None, 0),
        (
            "server-kill",
            Some(|round| {
                round.then(Step::KillServer(1));
            }),
            7,
        ),
        (
            "broker-freeze-4s",
            Some(|round| {
                round.then(Step::FreezeBroker(Node::Leader)).wait(4.0);
                round.then(Step::ThawBroker);
            }),
            2,
        ),
    ];
    let variants = variants.into_iter().filter_map(|(name, round, recovery)| {
        let scenario = Scenario::named(name)?;
        Some(Scenario {
            round: round.unwrap_or(scenario.round),
            rounds: 1,
            recovery,
            ..scenario
        })
    });
    variants.collect()
}

/// What most scenarios have in common.
const fn calm(name: &'static str, about: &'static str) -> Scenario {
    Scenario {
        name,
        about,
        nodes: 1,
        servers: 2,
        mix: Mix::Mixed,
        round: |_| {},
        rounds: 1,
        recovery: 10,
        answered: 70,
    }
}

impl Scenario {
    /// The scenario with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|scenario| scenario.name == name)
    }

    /// Why this scenario doesn't assert an invariant; `None` if it does.
    #[must_use]
    pub fn concession(&self, invariant: Invariant) -> Option<Concession> {
        let (_, allowed, today) = CONCESSIONS.iter().find(|(name, ..)| *name == self.name)?;
        if allowed.contains(&invariant) {
            Some(Concession::Allowed)
        } else if today.contains(&invariant) {
            Some(Concession::ExpectedToday)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_has_a_line_of_concessions_and_each_line_a_scenario() {
        let names: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        let mut lines: Vec<&str> = CONCESSIONS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(lines.len(), names.len());
        lines.retain(|line| !names.contains(line));
        assert_eq!(lines, [""; 0]);
    }

    #[test]
    fn the_short_variants_are_of_scenarios_for_one_node() {
        assert_eq!(short().len(), 4);
        assert!(short().iter().all(|scenario| scenario.nodes == 1));
    }

    #[test]
    fn what_no_line_names_is_asserted() {
        let baseline = Scenario::named("baseline").unwrap();
        for invariant in Invariant::all() {
            assert_eq!(baseline.concession(invariant), None, "{invariant}");
        }
        let storm = Scenario::named("rebalance-storm").unwrap();
        let today = Some(Concession::ExpectedToday);
        assert_eq!(storm.concession(PatientCallsSucceed), today);
        assert_eq!(storm.concession(Invariant::EndsOnce), None);
    }
}
