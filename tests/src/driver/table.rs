//! Outcomes as a table in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::checker::{Figures, Invariant};
use super::run::Outcome;
use super::scenario::{Concession, Scenario};

/// The head of the table.
pub const HEAD: &str = "\
| scenario | nodes | calls | ended | worst overrun | failed ≥ 2 s (10 s) | recovery | effects 0/1/2+ (answered again) | late starts | key order, overlaps | one-way lost | cancels late | log lines (most/s) | machine stalls | verdict |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

/// One line of the table.
#[must_use]
pub fn line(outcome: &Outcome) -> String {
    let figures = &outcome.report.figures;
    let [none, one, more] = figures.effects;
    format!(
        "| {} | {} | {} | {} | {} ms | {} of {} ({}) | {} / {} | {none}/{one}/{more} ({}) | {} | {}, {} | {} | {} | {} ({}) | {} | {} |",
        outcome.scenario,
        outcome.nodes,
        figures.calls,
        ends(figures),
        figures.worst_overrun_ms,
        figures.patient_failed,
        figures.patient,
        figures.default_failed,
        seconds(figures.recovery_ms),
        seconds(figures.short_recovery_ms),
        figures.repeated_after_reply,
        late(figures),
        figures.disordered,
        figures.overlaps,
        figures.lost_tells,
        figures.late_cancels,
        figures.log_lines,
        figures.most_log_lines,
        stalls(figures),
        verdict(outcome),
    )
}

/// The violations that the scenario asserts against, a few of each kind.
#[must_use]
pub fn failures(outcome: &Outcome) -> String {
    const SAMPLES: usize = 5;
    let mut text = String::new();
    let mut shown: BTreeMap<Invariant, usize> = BTreeMap::new();
    for violation in &outcome.report.violations {
        let shown = shown.entry(violation.invariant).or_default();
        *shown += 1;
        if concession(outcome, violation.invariant).is_none() && *shown <= SAMPLES {
            // Writing to a string doesn't fail.
            let _ = writeln!(text, "{}: {}", violation.invariant, violation.text);
        }
    }
    text
}

fn ends(figures: &Figures) -> String {
    let mut text = format!("ok {}, dropped {}", figures.answered, figures.cancelled);
    for (how, count) in &figures.failed {
        // The outcomes that go without saying.
        let how = how
            .replace("DeadlineExceeded/Unknown", "DE/U")
            .replace("DeadlineExceeded/NotRun", "DE/NotRun");
        let _ = write!(text, ", {how} {count}");
    }
    if figures.endless > 0 {
        let _ = write!(text, ", no end {}", figures.endless);
    }
    text
}

fn seconds(milliseconds: Option<u64>) -> String {
    milliseconds.map_or("–".to_owned(), |ms| {
        format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
    })
}

fn late(figures: &Figures) -> String {
    match figures.late_starts {
        0 => "0".to_owned(),
        late => format!("{late}, {}", seconds(Some(figures.worst_start_ms))),
    }
}

fn stalls(figures: &Figures) -> String {
    match figures.stalls {
        0 => "0".to_owned(),
        stalls => format!("{stalls}, {} ms", figures.worst_stall_ms),
    }
}

fn concession(outcome: &Outcome, invariant: Invariant) -> Option<Concession> {
    Scenario::named(outcome.scenario)?.concession(invariant)
}

/// What holds, what is broken, and what is known to be.
fn verdict(outcome: &Outcome) -> String {
    let mut broken: BTreeMap<Invariant, usize> = BTreeMap::new();
    for violation in &outcome.report.violations {
        *broken.entry(violation.invariant).or_default() += 1;
    }
    let list = |wanted: Option<Concession>| {
        let of_this_kind = broken
            .iter()
            .filter(|(invariant, _)| concession(outcome, **invariant) == wanted);
        let list: Vec<String> = of_this_kind
            .map(|(invariant, count)| format!("{invariant} {count}"))
            .collect();
        list.join(", ")
    };
    let mut parts = Vec::new();
    let failed = list(None);
    parts.push(if failed.is_empty() {
        "holds".to_owned()
    } else {
        format!("**BROKEN**: {failed}")
    });
    let today = list(Some(Concession::ExpectedToday));
    if !today.is_empty() {
        parts.push(format!("expected today: {today}"));
    }
    let allowed = list(Some(Concession::Allowed));
    if !allowed.is_empty() {
        parts.push(format!("allowed: {allowed}"));
    }
    parts.join("; ")
}
