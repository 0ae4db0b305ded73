//! What holds of the run as a whole: that calls succeed, and that nothing is left behind.

use super::Expectation;
use super::index::{Call, End, Index, S};
use crate::driver::event::{ClientAtRest, Exit, Role};

/// How many calls must be made after the last fault, so that their success means something.
const ENOUGH: usize = 20;

pub(super) fn patient_calls_succeed(index: &Index<'_>, _: Expectation) -> Vec<String> {
    index
        .calls
        .values()
        .filter(|call| fails(index, call))
        .map(failure)
        .collect()
}

/// Whether a call failed that its caller had time for.
pub(super) fn fails(index: &Index<'_>, call: &Call) -> bool {
    let died = call.ends.is_empty() && index.killed_at(call.client).is_some();
    call.is_patient() && !call.is_answered() && !died
}

fn failure(call: &Call) -> String {
    let seconds = call.timeout / S;
    let end = call.ends.first().map(|(_, end)| end);
    format!("call {} of {seconds} s ended with {end:?}", call.number)
}

pub(super) fn progress(index: &Index<'_>, expectation: Expectation) -> Vec<String> {
    let mut found = Vec::new();
    let last_fault = index.faults.iter().map(|(at, ..)| *at).max().unwrap_or(0);
    let recovery = u64::try_from(expectation.recovery.as_nanos()).unwrap_or(u64::MAX);
    let from = last_fault.saturating_add(recovery);
    let until = index.load_ends.unwrap_or(0);
    let calm: Vec<&Call> = index
        .calls
        .values()
        .filter(|call| call.is_patient() && call.at >= from && call.at < until)
        .collect();
    if calm.len() < ENOUGH {
        found.push(format!(
            "only {} calls were made later than {} s after the last fault",
            calm.len(),
            expectation.recovery.as_secs(),
        ));
    }
    let failed = calm.into_iter().filter(|call| fails(index, call));
    found.extend(failed.map(|call| format!("after the last fault: {}", failure(call))));

    // A run in which everything fails would keep all other promises. Shorter calls don't count: how many
    // of them are answered depends on the machine.
    let patient = index.calls.values().filter(|call| call.is_patient());
    let (answered, others): (Vec<&Call>, Vec<&Call>) = patient.partition(|call| call.is_answered());
    let (answered, all) = (answered.len(), answered.len() + others.len());
    if (answered as u64) * 100 < all as u64 * expectation.answered_percent {
        found.push(format!(
            "{answered} of {all} calls of 2 s or more were answered, less than {} %",
            expectation.answered_percent
        ));
    }
    found
}

pub(super) fn at_rest(index: &Index<'_>, _: Expectation) -> Vec<String> {
    let mut found = Vec::new();
    for (number, client) in index.role(Role::Client) {
        match (client.client_rest, &client.exit) {
            (Some(rest), _) if rest.in_flight > 0 => {
                found.push(format!(
                    "client {number} has {} calls in flight",
                    rest.in_flight
                ));
            }
            (Some(_), _) | (None, Some((_, Exit::Killed))) => {}
            (None, _) => found.push(format!("client {number} never came to rest")),
        }
    }
    let end = index.load_ends.unwrap_or(u64::MAX);
    for (number, server) in index.role(Role::Server) {
        // One that left before the load ended left its commands to others.
        let left = server.exit.as_ref().is_some_and(|(at, _)| *at < end);
        match server.server_rest {
            Some((0, 0)) => {}
            Some((queued, running)) => found.push(format!(
                "on server {number} {queued} commands wait and {running} handlers run"
            )),
            None if left => {}
            None => found.push(format!("server {number} never came to rest")),
        }
    }
    found
}

pub(super) fn accounts(index: &Index<'_>, _: Expectation) -> Vec<String> {
    let clients = index.role(Role::Client);
    let counted = clients.filter_map(|(number, client)| Some((number, client.client_rest?)));
    counted
        .flat_map(|(number, stats)| {
            disagreements(&stats, &count(index, number))
                .into_iter()
                .map(move |text| format!("client {number}: {text}"))
        })
        .collect()
}

/// What a client should have counted.
fn count(index: &Index<'_>, client: u32) -> ClientAtRest {
    let mut expected = ClientAtRest::default();
    for call in index.calls.values().filter(|call| call.client == client) {
        expected.started += 1;
        let Some((_, end)) = call.ends.first() else {
            expected.in_flight += 1;
            continue;
        };
        let counter = match end {
            End::Answered(Some(_)) => &mut expected.answered,
            End::Answered(None) => &mut expected.acknowledged,
            End::Cancelled => &mut expected.cancelled,
            End::Err {
                from_server: true, ..
            } => &mut expected.answered,
            End::Err { code, .. } => match code.as_str() {
                "DeadlineExceeded" => &mut expected.expired,
                "Disconnected" => &mut expected.disconnected,
                "BadReply" => &mut expected.answered,
                "ResourceExhausted" => &mut expected.refused,
                _ => &mut expected.failed,
            },
        };
        *counter += 1;
    }
    // These were not started.
    expected.started -= expected.refused;
    expected
}

fn disagreements(stats: &ClientAtRest, expected: &ClientAtRest) -> Vec<String> {
    let mut found = Vec::new();
    let mut more = 0;
    let pairs = [
        ("in flight", stats.in_flight, expected.in_flight),
        ("started", stats.started, expected.started),
        ("refused", stats.refused, expected.refused),
        ("answered", stats.answered, expected.answered),
        ("acknowledged", stats.acknowledged, expected.acknowledged),
        ("expired", stats.expired, expected.expired),
        ("disconnected", stats.disconnected, expected.disconnected),
        ("failed", stats.failed, expected.failed),
    ];
    for (place, (name, counted, happened)) in pairs.into_iter().enumerate() {
        // A call may end in the moment in which its caller drops it: the client counts that end, and
        // the history the drop.
        let may_be_more = place >= 3;
        if counted < happened || (counted > happened && !may_be_more) {
            found.push(format!(
                "it counts {counted} calls as {name}, not {happened}"
            ));
        }
        more += if may_be_more {
            counted.saturating_sub(happened)
        } else {
            0
        };
    }
    let dropped = stats.cancelled + more;
    let few = (expected.cancelled / 50).max(3);
    if dropped != expected.cancelled || more > few {
        found.push(format!(
            "it counts {} calls as cancelled and {more} as ended otherwise, of {} that were dropped",
            stats.cancelled, expected.cancelled
        ));
    }
    found
}

pub(super) fn orderly_exits(index: &Index<'_>, _: Expectation) -> Vec<String> {
    index
        .processes
        .iter()
        .filter(|(_, process)| process.role.is_some())
        .filter_map(|(number, process)| match &process.exit {
            Some((_, Exit::Asked | Exit::Killed)) => None,
            Some((_, Exit::Failed(how))) => Some(format!("process {number} failed: {how}")),
            None => Some(format!("process {number} never ended")),
        })
        .collect()
}
