//! What holds of each call by itself.

use super::Expectation;
use super::index::{Call, End, Index, MS, S};
use crate::driver::event::{Method, Outcome};

/// How late a client may be on a busy machine.
const SLACK: u64 = 250 * MS;
/// How inexactly a client may round a deadline.
const ROUNDING: u64 = MS;
/// How long after its deadline a server may begin a call, since it knows the age of a command by
/// estimate; and how late the estimate's own end may be noticed.
const ALLOWANCE: u64 = S + 100 * MS;
/// The longest stall that excuses a server. A longer one was made by the driver, and a server
/// must not begin what expired meanwhile.
const EXCUSE: u64 = 2 * S;

pub(super) fn coherent(index: &Index<'_>, _: Expectation) -> Vec<String> {
    let mut found = index.strays.clone();
    for call in index.calls.values() {
        if index
            .processes
            .get(&call.client)
            .is_none_or(|client| client.role.is_none())
        {
            found.push(format!(
                "call {} is of a client that wasn't started",
                call.number
            ));
        }
    }
    found
}

pub(super) fn ends_once(index: &Index<'_>, _: Expectation) -> Vec<String> {
    each(index, |call| {
        let may_have_none = index.killed_at(call.client).is_some();
        match call.ends.len() {
            1 => None,
            0 if may_have_none => None,
            ends => Some(format!("it ended {ends} times")),
        }
    })
}

pub(super) fn ends_in_time(index: &Index<'_>, _: Expectation) -> Vec<String> {
    each(index, |call| {
        let &(at, _) = call.ends.first()?;
        let late = lateness(index, call, at)?;
        (late > SLACK).then(|| format!("it ended {} ms after its deadline", late / MS))
    })
}

/// How long after its deadline a call ended, less the time for which its process stood still meanwhile.
pub(super) fn lateness(index: &Index<'_>, call: &Call, at: u64) -> Option<u64> {
    let late = at.checked_sub(call.deadline())?;
    let stood = index.stood_still(call.client, call.deadline()..at, u64::MAX);
    Some(late.saturating_sub(stood))
}

pub(super) fn never_early(index: &Index<'_>, _: Expectation) -> Vec<String> {
    each(index, |call| {
        let (at, end) = call.ends.first()?;
        let End::Err {
            code,
            from_server: false,
            ..
        } = end
        else {
            return None;
        };
        (code == "DeadlineExceeded" && at + ROUNDING < call.deadline())
            .then(|| format!("it expired {} ms early", (call.deadline() - at) / MS))
    })
}

pub(super) fn own_reply(index: &Index<'_>, _: Expectation) -> Vec<String> {
    each(index, |call| match call.ends.first()? {
        (_, End::Answered(Some(receipt))) => (receipt.call != call.number
            || receipt.digest != call.digest)
            .then(|| format!("it got the reply {receipt:?}")),
        (_, End::Answered(None)) => {
            (call.method != Method::Tell).then(|| "it got a reply without a receipt".to_owned())
        }
        _ => None,
    })
}

pub(super) fn not_run_is_true(index: &Index<'_>, _: Expectation) -> Vec<String> {
    each(index, |call| match call.ends.first()? {
        (
            _,
            End::Err {
                outcome: Outcome::NotRun,
                code,
                ..
            },
        ) => (!call.runs.is_empty()).then(|| {
            format!(
                "it ended with {code}, NotRun, and ran {} times",
                call.runs.len()
            )
        }),
        _ => None,
    })
}

pub(super) fn answered_means_ran(index: &Index<'_>, _: Expectation) -> Vec<String> {
    each(index, |call| match call.ends.first()? {
        (at, End::Answered(Some(receipt))) => {
            let ran = call.runs.iter().any(|run| {
                run.server == receipt.server
                    && run.number == receipt.run
                    && run.effect
                    && run.done.is_some_and(|done| done <= *at)
            });
            (!ran).then(|| "no run gave the reply that it got".to_owned())
        }
        (
            at,
            End::Err {
                outcome: Outcome::Ran,
                code,
                ..
            },
        ) => {
            let ran = call.runs.iter().any(|run| run.at <= *at);
            (!ran).then(|| format!("it ended with {code}, Ran, and hadn't run"))
        }
        _ => None,
    })
}

pub(super) fn no_repeat(index: &Index<'_>, _: Expectation) -> Vec<String> {
    each(index, |call| {
        (call.effects() > 1).then(|| format!("it ran {} times", call.effects()))
    })
}

pub(super) fn starts_in_time(index: &Index<'_>, _: Expectation) -> Vec<String> {
    let late = late_starts(index);
    late.map(|(call, late)| format!("call {call}: it began {} ms after its deadline", late / MS))
        .collect()
}

/// The calls that began too late, with how late, for each run.
pub(super) fn late_starts<'a>(index: &'a Index<'_>) -> impl Iterator<Item = (u64, u64)> + 'a {
    index.calls.values().flat_map(|call| {
        call.runs.iter().filter_map(|run| {
            let late = run.at.checked_sub(call.deadline())?;
            let stood = index.stood_still(run.server, call.deadline()..run.at, EXCUSE);
            (late > ALLOWANCE + stood).then_some((call.number, late))
        })
    })
}

fn each(index: &Index<'_>, check: impl Fn(&Call) -> Option<String>) -> Vec<String> {
    index
        .calls
        .values()
        .filter_map(|call| Some(format!("call {}: {}", call.number, check(call)?)))
        .collect()
}
