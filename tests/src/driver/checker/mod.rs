//! Judges a history: pure, and independent of how the history came about.
//!
//! Each [`Invariant`] has one check, and each check one bad history among the tests that it rejects.

mod calls;
mod figures;
mod index;
mod keys;
mod liveness;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::history::History;
use index::Index;

pub use figures::Figures;

/// What has to hold of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    /// Every event belongs to a call that was invoked, and every process to one that was started.
    Coherent,
    /// A call ends exactly once; one of a killed client at most once.
    EndsOnce,
    /// A call ends by its deadline, give or take the slack.
    EndsInTime,
    /// No client reports `DeadlineExceeded` before the deadline.
    NeverEarly,
    /// A reply names the call that it answers, and the digest of what that call carried.
    OwnReply,
    /// A call that ended with `NotRun` never ran.
    NotRunIsTrue,
    /// A call that was answered, or ended with `Ran`, ran before.
    AnsweredMeansRan,
    /// A call runs once.
    NoRepeat,
    /// Nothing begins later than a second after its deadline.
    StartsInTime,
    /// The calls that one client makes with one key begin in the order in which they were made.
    KeyOrder,
    /// Calls of one key don't run at the same time.
    KeyOverlap,
    /// Calls of two seconds or more succeed, faults or not.
    PatientCallsSucceed,
    /// They succeed after the last fault, and enough of them in the whole run.
    Progress,
    /// At the end no client has a call in flight, and no server one that waits or runs.
    AtRest,
    /// The clients' own counts agree with the history.
    Accounts,
    /// Each process ends as it was asked to.
    OrderlyExits,
}

/// A history that breaks an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The invariant.
    pub invariant: Invariant,
    /// Where it is broken.
    pub text: String,
}

/// What the history of a scenario has to reach.
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// How long after the last fault calls may still fail.
    pub recovery: Duration,
    /// How many of the calls of two seconds or more must be answered, in percent.
    pub answered_percent: u64,
}

/// A history's judgement.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Everything that was broken.
    pub violations: Vec<Violation>,
    /// What was counted and measured.
    pub figures: Figures,
}

type Check = fn(&Index<'_>, Expectation) -> Vec<String>;

impl Invariant {
    /// Every invariant with its check.
    const CHECKS: [(Self, Check); 16] = [
        (Self::Coherent, calls::coherent),
        (Self::EndsOnce, calls::ends_once),
        (Self::EndsInTime, calls::ends_in_time),
        (Self::NeverEarly, calls::never_early),
        (Self::OwnReply, calls::own_reply),
        (Self::NotRunIsTrue, calls::not_run_is_true),
        (Self::AnsweredMeansRan, calls::answered_means_ran),
        (Self::NoRepeat, calls::no_repeat),
        (Self::StartsInTime, calls::starts_in_time),
        (Self::KeyOrder, keys::order),
        (Self::KeyOverlap, keys::overlap),
        (Self::PatientCallsSucceed, liveness::patient_calls_succeed),
        (Self::Progress, liveness::progress),
        (Self::AtRest, liveness::at_rest),
        (Self::Accounts, liveness::accounts),
        (Self::OrderlyExits, liveness::orderly_exits),
    ];

    /// Every invariant.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::CHECKS.into_iter().map(|(invariant, _)| invariant)
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Judges a history by every invariant.
#[must_use]
pub fn check(history: &History, expectation: Expectation) -> Report {
    let index = Index::new(history);
    let violations = Invariant::CHECKS
        .iter()
        .flat_map(|&(invariant, check)| {
            check(&index, expectation)
                .into_iter()
                .map(move |text| Violation { invariant, text })
        })
        .collect();
    Report {
        violations,
        figures: Figures::of(&index, history),
    }
}
