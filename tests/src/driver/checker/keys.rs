//! What holds of the calls of one key.

use std::collections::BTreeMap;

use super::Expectation;
use super::index::{Call, Index};

pub(super) fn order(index: &Index<'_>, _: Expectation) -> Vec<String> {
    let mut found = Vec::new();
    // Numbers grow in the order in which a client makes its calls, and the index goes by them.
    let mut latest: BTreeMap<(u32, u64), (u64, u64)> = BTreeMap::new();
    for call in index.calls.values() {
        let (Some(key), Some(start)) = (call.key, first_start(call)) else {
            continue;
        };
        let &mut (before, begun) = latest.entry((call.client, key)).or_insert((0, 0));
        if start < begun {
            found.push(format!(
                "key {key}: call {} began before call {before}, which was made before it",
                call.number
            ));
        } else {
            latest.insert((call.client, key), (call.number, start));
        }
    }
    found
}

/// When a call began for the first time. Where it runs again, so may the calls before it.
fn first_start(call: &Call) -> Option<u64> {
    call.runs.iter().map(|run| run.at).min()
}

pub(super) fn overlap(index: &Index<'_>, _: Expectation) -> Vec<String> {
    let mut runs: BTreeMap<u64, Vec<(u64, u64, u64)>> = BTreeMap::new();
    for call in index.calls.values() {
        let Some(key) = call.key else { continue };
        for run in &call.runs {
            let end = run
                .done
                .or(run.dropped)
                .or_else(|| index.killed_at(run.server));
            let span = (run.at, end.unwrap_or(u64::MAX), call.number);
            runs.entry(key).or_default().push(span);
        }
    }
    let mut found = Vec::new();
    for (key, mut spans) in runs {
        spans.sort_unstable();
        let mut running = (0, 0);
        for (start, end, call) in spans {
            let (until, before) = running;
            if start < until {
                found.push(format!(
                    "key {key}: call {call} began while call {before} ran"
                ));
            }
            running = running.max((end, call));
        }
    }
    found
}
