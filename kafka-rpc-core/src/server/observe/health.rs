//! Whether a server serves, and why not.

use std::fmt;
use std::time::Duration;

use crate::error::{HealthCause, HealthReason};
use crate::server::observe::signs::LOST_REPLIES;
use crate::transport::Standing;

/// How long the thread that reads may be held up before only a restart helps.
const STUCK: Duration = Duration::from_secs(60);

/// Whether a server serves, as it knows without asking anybody; see
/// [`Server::health`](crate::Server::health).
///
/// A broker that doesn't answer any more is noticed within five seconds, and that it answers again
/// within two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerHealth {
    /// It works, or can come back by itself: for liveness probes. Only a restart helps where it
    /// doesn't.
    pub live: bool,
    /// All of its groups count it as a member, their brokers answer, and nothing is wrong: for
    /// readiness probes. It may own no partition.
    pub ready: bool,
    /// Why it isn't ready.
    pub reasons: Vec<HealthReason>,
    /// It is ready and owns no partition, in none of its groups: it takes over where another server
    /// goes.
    pub standby: bool,
    /// The partitions that it owns.
    pub partitions: Vec<PartitionHealth>,
}

/// How far a server is in one of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionHealth {
    /// The commands topic.
    pub topic: String,
    /// The partition's number.
    pub partition: u32,
    /// How many records are there that the group hasn't committed, at the last look, which is two
    /// seconds old at most; `None` before the first one. Where the group has committed nothing, all
    /// that ever were count.
    pub lag: Option<u64>,
    /// How long the oldest command that was read here has waited or run, to a second; `None` where
    /// every one is settled.
    pub oldest: Option<Duration>,
}

impl fmt::Display for ServerHealth {
    /// One line: `ready`, `standby`, or all reasons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.standby {
            return f.write_str("standby");
        }
        if self.ready {
            return f.write_str("ready");
        }
        for (index, reason) in self.reasons.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{reason}")?;
        }
        Ok(())
    }
}

/// How far a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Running,
    Stopping,
    Stopped(StopReason),
}

/// Why a server has stopped; see [`Server::stopped`](crate::Server::stopped).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// It was shut down, and everything that ran has ended.
    Shutdown,
    /// It was shut down or dropped, and so many handlers were stopped at the end of the grace period.
    GraceOver {
        /// How many.
        handlers: u64,
    },
    /// It was dropped, and everything that ran has ended.
    Dropped,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown => f.write_str("the server was shut down"),
            Self::GraceOver { handlers } => write!(
                f,
                "the server was stopped, with {handlers} handlers that outlasted the grace period"
            ),
            Self::Dropped => f.write_str("the server was dropped"),
        }
    }
}

/// What is known of one group member.
pub(crate) struct MemberState<'a> {
    pub(crate) group: &'a str,
    pub(crate) topic: &'a str,
    /// `None` before it has joined.
    pub(crate) standing: Option<Standing>,
    /// The partitions that it owns, with the age of the oldest command of each.
    pub(crate) owned: Vec<(u32, Option<Duration>)>,
}

/// What a server's health is made of.
#[derive(Default)]
pub(crate) struct Judgement {
    health: ServerHealth,
    stuck: bool,
}

impl Judgement {
    /// Counts a member in.
    pub(crate) fn member(&mut self, member: MemberState<'_>) {
        let MemberState {
            group,
            topic,
            standing,
            owned,
        } = member;
        let standing = standing.unwrap_or_default();
        let reasons = &mut self.health.reasons;
        if standing.stuck >= STUCK {
            self.stuck = true;
            reasons.push(HealthReason::new(
                HealthCause::Stuck,
                format!(
                    "the thread that reads for group `{group}` hasn't come round for {} s; restart the \
                     process",
                    standing.stuck.as_secs()
                ),
            ));
        }
        if standing.fenced {
            reasons.push(HealthReason::new(
                HealthCause::Fenced,
                format!(
                    "another member of group `{group}` has taken this server's static name, and it goes \
                     on without; give each server a name of its own, and restart it"
                ),
            ));
        }
        match standing.trouble {
            // A fenced member's trouble is just that.
            Some(_) if standing.fenced && !standing.accepted => {}
            Some(trouble) => reasons.push(trouble.into()),
            None if standing.accepted => {}
            None => reasons.push(HealthReason::new(
                HealthCause::Joining,
                format!("group `{group}` hasn't accepted the server as a member yet"),
            )),
        }
        for (partition, oldest) in owned {
            let mut progress = standing.progress.iter();
            let progress = progress.find(|progress| progress.partition == partition);
            let lag = progress.map(|progress| {
                let lag = progress.end - progress.committed.unwrap_or(0);
                u64::try_from(lag).unwrap_or(0)
            });
            self.health.partitions.push(PartitionHealth {
                topic: topic.to_owned(),
                partition,
                lag,
                oldest,
            });
        }
    }

    /// Counts replies that couldn't be brought to their callers lately.
    pub(crate) fn lost_replies(&mut self, replies: u64) {
        if replies > 0 {
            self.health.reasons.push(HealthReason::new(
                HealthCause::RepliesLost,
                format!(
                    "{replies} replies couldn't be brought to their callers in the last \
                     {LOST_REPLIES:?}; the log says why"
                ),
            ));
        }
    }

    /// What it comes to, at this stage of the server's life.
    pub(crate) fn health(mut self, stage: Stage) -> ServerHealth {
        let stopping = match stage {
            Stage::Running => None,
            Stage::Stopping => Some("the server is stopping".to_owned()),
            Stage::Stopped(reason) => Some(reason.to_string()),
        };
        if let Some(message) = stopping {
            // Whatever else there is follows from it.
            self.health.reasons = vec![HealthReason::new(HealthCause::Stopping, message)];
        }
        let health = &mut self.health;
        health
            .partitions
            .sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        health.live = !self.stuck && !matches!(stage, Stage::Stopped(_));
        health.ready = health.reasons.is_empty();
        health.standby = health.ready && health.partitions.is_empty();
        self.health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Lag, TransportError, TransportErrorKind};

    fn standing() -> Standing {
        Standing {
            accepted: true,
            ..Standing::default()
        }
    }

    fn judge(standing: Option<Standing>, owned: &[u32], stage: Stage) -> ServerHealth {
        let mut judgement = Judgement::default();
        judgement.member(MemberState {
            group: "orders",
            topic: "orders.commands",
            standing,
            owned: owned.iter().map(|partition| (*partition, None)).collect(),
        });
        judgement.health(stage)
    }

    fn causes(health: &ServerHealth) -> Vec<HealthCause> {
        health.reasons.iter().map(|reason| reason.cause).collect()
    }

    #[test]
    fn a_member_with_partitions_is_ready_and_one_without_is_a_standby() {
        let health = judge(Some(standing()), &[2, 0], Stage::Running);
        assert!(health.live && health.ready && !health.standby);
        let numbers: Vec<u32> = health.partitions.iter().map(|one| one.partition).collect();
        assert_eq!(numbers, [0, 2]);
        assert_eq!(health.to_string(), "ready");
        let health = judge(Some(standing()), &[], Stage::Running);
        assert!(health.ready && health.standby);
        assert_eq!(health.to_string(), "standby");
    }

    #[test]
    fn what_is_wrong_is_a_reason() {
        let joining = judge(None, &[], Stage::Running);
        assert_eq!(causes(&joining), [HealthCause::Joining]);
        let trouble = TransportError::new(TransportErrorKind::Unavailable, "no answer");
        let away = Standing {
            trouble: Some(trouble),
            ..standing()
        };
        let away = judge(Some(away), &[0], Stage::Running);
        assert_eq!(causes(&away), [HealthCause::Unreachable]);
        assert!(away.live && !away.ready);
        assert_eq!(away.to_string(), "no answer");
        let fenced = Standing {
            fenced: true,
            ..standing()
        };
        let fenced = judge(Some(fenced), &[0], Stage::Running);
        assert_eq!(causes(&fenced), [HealthCause::Fenced]);
        let stuck = Standing {
            stuck: STUCK,
            ..standing()
        };
        let stuck = judge(Some(stuck), &[0], Stage::Running);
        assert_eq!(causes(&stuck), [HealthCause::Stuck]);
        assert!(!stuck.live);
    }

    #[test]
    fn a_server_that_stops_says_only_that() {
        let stopping = judge(None, &[0], Stage::Stopping);
        assert_eq!(causes(&stopping), [HealthCause::Stopping]);
        assert!(stopping.live);
        let stopped = judge(None, &[], Stage::Stopped(StopReason::Shutdown));
        assert!(!stopped.live && !stopped.ready);
        assert_eq!(stopped.to_string(), "the server was shut down");
    }

    #[test]
    fn the_lag_is_what_is_not_committed() {
        let progress = |partition, end, committed| Lag {
            partition,
            end,
            committed,
        };
        let standing = Standing {
            progress: vec![progress(0, 9, Some(4)), progress(1, 9, None)],
            ..standing()
        };
        let health = judge(Some(standing), &[0, 1, 2], Stage::Running);
        let lags: Vec<_> = health.partitions.iter().map(|one| one.lag).collect();
        assert_eq!(lags, [Some(5), Some(9), None]);
    }
}
