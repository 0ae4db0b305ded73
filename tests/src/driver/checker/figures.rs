//! What a history comes to in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::index::{Call, End, Index, MS, S};
use super::{calls, keys, liveness};
use crate::driver::checker::Expectation;
use crate::driver::event::{Event, Method, Outcome, Phase};
use crate::driver::history::History;

/// How long after a call was dropped its handler may go on.
const CANCEL_PATIENCE: u64 = S;

/// Counts and measures of one run. Times are milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Calls that were made.
    pub calls: usize,
    /// Those that were answered, be it with the method's own error.
    pub answered: usize,
    /// Those that their callers dropped.
    pub cancelled: usize,
    /// Those without an end, of killed clients.
    pub endless: usize,
    /// Those that failed, by code and outcome.
    pub failed: BTreeMap<String, usize>,
    /// How long after its deadline a call ended, at worst.
    pub worst_overrun_ms: u64,
    /// Calls of 2 s or more that could have succeeded.
    pub patient: usize,
    /// How many of them failed.
    pub patient_failed: usize,
    /// How many of those were calls of 10 s or more.
    pub default_failed: usize,
    /// After a fault was over, when the last call of 2 s or more began that failed.
    pub recovery_ms: Option<u64>,
    /// The same for shorter calls that could have succeeded.
    pub short_recovery_ms: Option<u64>,
    /// Calls with no effect, with one, and with more.
    pub effects: [usize; 3],
    /// Of those with more, the ones that began again after they had been answered.
    pub repeated_after_reply: usize,
    /// Runs that began too late.
    pub late_starts: usize,
    /// How late after its deadline one began, at worst.
    pub worst_start_ms: u64,
    /// One-way calls that are in the log and never ran.
    pub lost_tells: usize,
    /// Calls of a key that began before one that was made earlier.
    pub disordered: usize,
    /// Calls of a key that began while another one ran.
    pub overlaps: usize,
    /// Dropped calls whose handlers went on for more than a second.
    pub late_cancels: usize,
    /// Warnings and errors.
    pub log_lines: usize,
    /// The most that one process wrote in one second.
    pub most_log_lines: usize,
    /// How often a process stood still that the driver hadn't stopped: the machine was busy.
    pub stalls: usize,
    /// For how long, at worst.
    pub worst_stall_ms: u64,
}

impl Figures {
    pub(super) fn of(index: &Index<'_>, history: &History) -> Self {
        // It decides nothing that is counted here.
        let any = Expectation {
            recovery: std::time::Duration::ZERO,
            answered_percent: 0,
        };
        let mut figures = Self {
            calls: index.calls.len(),
            disordered: keys::order(index, any).len(),
            overlaps: keys::overlap(index, any).len(),
            late_starts: calls::late_starts(index).count(),
            worst_start_ms: calls::late_starts(index)
                .map(|(_, late)| late / MS)
                .max()
                .unwrap_or(0),
            ..Self::default()
        };
        for call in index.calls.values() {
            figures.count(index, call);
        }
        figures.listen(history);
        figures.look_for_stalls(index);
        figures
    }

    fn count(&mut self, index: &Index<'_>, call: &Call) {
        match call.ends.first() {
            None => self.endless += 1,
            Some((_, End::Cancelled)) => self.cancelled += 1,
            Some((_, End::Answered(_))) => self.answered += 1,
            Some((_, End::Err { code, outcome, .. })) => {
                let outcome = match outcome {
                    Outcome::NotRun => "NotRun",
                    Outcome::Ran => "Ran",
                    Outcome::Unknown => "Unknown",
                };
                *self.failed.entry(format!("{code}/{outcome}")).or_default() += 1;
            }
        }
        if let Some(&(at, _)) = call.ends.first() {
            let late = calls::lateness(index, call, at).unwrap_or(0) / MS;
            self.worst_overrun_ms = self.worst_overrun_ms.max(late);
        }
        self.patient += usize::from(call.is_patient());
        if liveness::fails(index, call) {
            self.patient_failed += 1;
            self.default_failed += usize::from(call.timeout >= 10 * S);
            self.recovery_ms = self.recovery_ms.max(after_heal(index, call));
        } else if is_short(call) && matches!(call.ends.first(), Some((_, End::Err { .. }))) {
            self.short_recovery_ms = self.short_recovery_ms.max(after_heal(index, call));
        }
        self.effects[call.effects().min(2)] += 1;
        let replied = call.runs.iter().filter_map(|run| run.replied).min();
        let again = call
            .runs
            .iter()
            .any(|run| replied.is_some_and(|at| run.at > at));
        self.repeated_after_reply += usize::from(again);
        self.lost_tells +=
            usize::from(call.method == Method::Tell && call.is_answered() && call.runs.is_empty());
        if let Some(&(at, End::Cancelled)) = call.ends.first() {
            let goes_on = call.runs.iter().any(|run| {
                let end = run
                    .done
                    .or(run.dropped)
                    .or_else(|| index.killed_at(run.server));
                end.is_none_or(|end| end > at.max(run.at) + CANCEL_PATIENCE)
            });
            self.late_cancels += usize::from(goes_on);
        }
    }

    fn look_for_stalls(&mut self, index: &Index<'_>) {
        let stalls = index.processes.values().flat_map(|process| &process.stalls);
        let by_itself = stalls.filter(|(since, until)| {
            // One that the driver made ends with the process's thawing.
            !index.faults.iter().any(|(at, name, _)| {
                name.starts_with("freeze") && (since.saturating_sub(S)..*until).contains(at)
            })
        });
        for (since, until) in by_itself {
            self.stalls += 1;
            self.worst_stall_ms = self.worst_stall_ms.max((until - since) / MS);
        }
    }

    fn listen(&mut self, history: &History) {
        let mut seconds: BTreeMap<(u32, u64), usize> = BTreeMap::new();
        for entry in history.entries() {
            if let Event::Log { .. } = entry.event {
                self.log_lines += 1;
                *seconds.entry((entry.process, entry.at / S)).or_default() += 1;
            }
        }
        self.most_log_lines = seconds.into_values().max().unwrap_or(0);
    }
}

/// Whether a call is short, and yet could have succeeded.
fn is_short(call: &Call) -> bool {
    !call.is_patient() && !matches!(call.method, Method::Hang | Method::Slow)
}

/// How long after the end of a fault a call was made; `None` before any, while one lasts, and where the
/// next one struck before the call ended.
fn after_heal(index: &Index<'_>, call: &Call) -> Option<u64> {
    let place = index
        .faults
        .iter()
        .rposition(|(fault, ..)| *fault <= call.at)?;
    let (healed, _, phase) = index.faults[place];
    let struck_again = index
        .faults
        .get(place + 1)
        .is_some_and(|(next, ..)| call.ends.first().is_some_and(|(end, _)| next <= end));
    (phase == Phase::End && !struck_again).then(|| (call.at - healed) / MS)
}
