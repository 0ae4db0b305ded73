//! Histories made by hand: a clean one that passes, and bad ones that are rejected.

mod bad;
mod sample;

use std::collections::BTreeSet;

use super::index::{MS, S};
use super::{Invariant, Report};
use crate::driver::event::{Event, Exit, Phase};
use bad::BAD;
use sample::*;

fn broken_by(report: &Report) -> BTreeSet<Invariant> {
    let invariants = report.violations.iter().map(|broken| broken.invariant);
    invariants.collect()
}

#[test]
fn a_clean_history_passes() {
    assert_eq!(Sample::clean().check().violations, []);
}

#[test]
fn each_bad_history_is_rejected() {
    for (invariant, what, spoil) in BAD {
        let mut sample = Sample::clean();
        spoil(&mut sample);
        let report = sample.check();
        assert!(
            broken_by(&report).contains(invariant),
            "{what} should break {invariant}, but only breaks {:?}",
            report.violations,
        );
    }
}

/// Were each bad history rejected by several checks, one of them could be missing and nobody would
/// notice. (A failed call of 2 s is in the nature of some.)
#[test]
fn each_invariant_has_a_bad_history_that_no_other_check_rejects() {
    let mut alone = BTreeSet::new();
    for (invariant, _, spoil) in BAD {
        let mut sample = Sample::clean();
        spoil(&mut sample);
        let mut broken = broken_by(&sample.check());
        if broken.len() > 1 && *invariant != Invariant::PatientCallsSucceed {
            broken.remove(&Invariant::PatientCallsSucceed);
        }
        if broken == BTreeSet::from([*invariant]) {
            alone.insert(*invariant);
        }
    }
    assert_eq!(alone, Invariant::all().collect());
}

#[test]
fn a_client_that_stood_still_may_end_its_calls_afterwards() {
    let mut sample = Sample::clean();
    sample.end_of(EXPIRED).at += 5 * S;
    let at = sample.end_of(EXPIRED).at - MS;
    let since = S + 100 * MS;
    sample.add(at, CLIENT, Event::Stall { since });
    assert_eq!(sample.check().violations, []);
}

#[test]
fn a_server_that_stood_still_for_long_may_not_begin_what_expired_meanwhile() {
    let begin_after = |stall: u64| {
        let mut sample = Sample::clean();
        let at = S + 200 * MS + S + stall;
        let since = at - stall;
        // Two threads notice it.
        sample.add(at, SERVER, Event::Stall { since });
        let since = since + MS;
        sample.add(at, SERVER, Event::Stall { since });
        sample.run(at + MS, SERVER, EXPIRED);
        broken_by(&sample.check())
    };
    assert_eq!(begin_after(500 * MS), BTreeSet::new());
    let broken = BTreeSet::from([Invariant::StartsInTime]);
    assert_eq!(begin_after(10 * S), broken);
    assert_eq!(begin_after(3 * S / 2), BTreeSet::new());
}

#[test]
fn a_run_that_dies_with_its_server_overlaps_nothing() {
    let mut sample = Sample::clean();
    let killed = EARLY * STEP + 2 * MS;
    sample.remove(|event| match event {
        Event::Effect { call, phase, .. } => *call == EARLY && *phase == Phase::End,
        Event::Reply { call, .. } => *call == EARLY,
        Event::Exited { number, .. } => *number == SERVER,
        _ => false,
    });
    sample.run(killed + MS / 2, OTHER_SERVER, EARLY);
    sample.misdirect(EARLY, receipt(EARLY, OTHER_SERVER));
    let overlaps = |sample: Sample| sample.check().figures.overlaps;
    assert!(overlaps(sample.clone()) > 0);
    sample.exit(killed, SERVER, Exit::Killed);
    assert_eq!(overlaps(sample), 0);
}

#[test]
fn a_call_that_ends_while_it_is_dropped_counts_either_way() {
    let mut sample = Sample::clean();
    let rest = sample.rest();
    rest.cancelled -= 1;
    rest.answered += 1;
    assert_eq!(sample.check().violations, []);
}

#[test]
fn figures_count_what_happened() {
    let mut sample = Sample::clean();
    sample.run(2 * S, OTHER_SERVER, EARLY);
    sample.fault(3 * S + 600 * MS, Phase::End);
    sample.expire(20);
    let figures = sample.check().figures;
    assert_eq!(figures.calls, 65);
    assert_eq!(figures.answered, 60);
    assert_eq!((figures.cancelled, figures.endless), (1, 1));
    assert_eq!(figures.effects, [5, 59, 1]);
    assert_eq!(figures.repeated_after_reply, 1);
    assert_eq!(figures.worst_overrun_ms, 4);
    assert_eq!(figures.lost_tells, 1);
    assert_eq!(figures.failed["DeadlineExceeded/Unknown"], 2);
    assert_eq!((figures.patient_failed, figures.default_failed), (1, 0));
    assert_eq!(figures.recovery_ms, Some(400));
}
