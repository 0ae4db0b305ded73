use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::server::complete::tracker::*;

const A: Executor = *b"server a";
const B: Executor = *b"server b";
const C: Executor = *b"server c";
const NEW: Read = Read::New { is_first: true };

fn tracker(offsets: impl IntoIterator<Item = i64>) -> Tracker {
    let mut tracker = Tracker::default();
    for offset in offsets {
        assert_eq!(tracker.read(offset, true), NEW);
    }
    tracker
}

#[test]
fn commits_only_what_has_no_hole_below() {
    let mut tracker = tracker([5, 6, 9]);
    assert!(tracker.settle(6));
    assert_eq!(tracker.position(), Some(5));
    assert!(tracker.settle(5));
    assert_eq!(tracker.position(), Some(9), "7 and 8 are no records");
    assert!(tracker.settle(9));
    assert_eq!((tracker.position(), tracker.pending()), (Some(10), 0));
}

#[test]
fn ignores_what_it_never_read_and_what_is_settled_twice() {
    let mut tracker = Tracker::default();
    assert!(!tracker.settle(3));
    assert_eq!(tracker.read(1, true), NEW);
    assert_eq!(tracker.read(2, true), NEW);
    assert!(tracker.settle(2));
    assert!(!tracker.settle(2));
    assert!(!tracker.settle(7));
    assert_eq!((tracker.pending(), tracker.position()), (1, Some(1)));
}

#[test]
fn notices_a_replaced_log() {
    let mut tracker = tracker([4]);
    assert_eq!(tracker.read(4, true), Read::Replaced);
    assert_eq!(tracker.read(0, true), Read::Replaced);
    assert_eq!(Tracker::at(Some(9)).read(8, true), Read::Replaced);
}

#[test]
fn one_long_call_keeps_no_memory_of_what_was_settled_above() {
    let mut tracker = tracker([0]);
    for offset in 1..10_000 {
        tracker.read(offset, true);
        tracker.settle(offset);
    }
    assert!(tracker.open.len() <= 2 + KEPT, "{}", tracker.open.len());
    let note = tracker.note(A, None);
    assert_eq!((note.unsettled, note.next), (vec![0], 10_000));
}

#[test]
fn the_next_owner_leaves_alone_what_runs_and_starts_the_rest() {
    let mut former = tracker(0..6);
    former.start(1);
    former.start(3);
    former.settle(0);
    former.settle(2);
    former.settle(4);
    let note = former.note(A, Some(0));
    let mut next = Tracker::with_note(&note, B, |_| false);
    assert_eq!(next.position(), Some(1));
    let read: Vec<Read> = (1..7).map(|offset| next.read(offset, false)).collect();
    let elsewhere = Read::Elsewhere(A);
    let doubtful = Read::New { is_first: false };
    assert_eq!(
        read,
        [
            elsewhere,
            Read::Known,
            elsewhere,
            Read::Known,
            NEW,
            doubtful
        ]
    );

    // It is told of them in turn, and hands on what still runs.
    assert!(next.settle(1));
    assert_eq!(next.position(), Some(3));
    next.start(5);
    let note = next.note(B, Some(7));
    assert_eq!(
        note.running,
        [(3, Runs::On(A)), (5, Runs::On(B)), (6, Runs::Nowhere)]
    );
    let mut last = Tracker::with_note(&note, C, |_| false);
    assert_eq!(last.read(3, true), Read::Elsewhere(A));
    assert_eq!(last.read(5, true), Read::Elsewhere(B));
    assert_eq!(
        last.read(6, true),
        doubtful,
        "the second owner couldn't tell"
    );
}

#[test]
fn a_crash_repeats_what_was_not_settled_and_nothing_else() {
    let mut former = tracker(0..4);
    former.start(0);
    former.settle(1);
    former.settle(2);
    let mut next = Tracker::with_note(&former.note(A, None), B, |_| false);
    let doubtful = Read::New { is_first: false };
    let read: Vec<Read> = (0..5).map(|offset| next.read(offset, true)).collect();
    assert_eq!(read, [doubtful, Read::Known, Read::Known, doubtful, NEW]);
}

#[test]
fn a_call_is_found_again_where_it_still_runs() {
    let mut former = tracker([0, 1]);
    former.start(0);
    former.start(1);
    let note = former.note(A, Some(2));
    let between = Tracker::with_note(&note, B, |_| false).note(B, Some(2));
    let mut again = Tracker::with_note(&between, A, |offset| offset == 1);
    assert_eq!(
        again.read(0, true),
        Read::Elsewhere(A),
        "it was stopped, or has ended"
    );
    assert_eq!(again.read(1, true), Read::Known);
    assert_eq!(again.started().collect::<Vec<_>>(), [1]);
}

#[test]
fn what_retention_took_is_waited_for_no_longer() {
    let mut former = tracker(0..4);
    former.start(0);
    let mut next = Tracker::with_note(&former.note(A, Some(4)), B, |_| false);
    assert_eq!(next.read(3, true), NEW);
    assert_eq!((next.position(), next.pending()), (Some(3), 1));
}

proptest! {
    /// Against a model that keeps sets: what is committed is the lowest open offset, and the note
    /// names all others.
    #[test]
    fn agrees_with_a_model(
        gaps in prop::collection::vec(1..4_i64, 1..60),
        picks in prop::collection::vec((0..3_u8, any::<prop::sample::Index>()), 1..200),
    ) {
        let mut tracker = Tracker::default();
        let mut unread = gaps.iter().scan(100, |at, gap| { *at += gap; Some(*at) });
        let mut all: Vec<i64> = Vec::new();
        let (mut open, mut started) = (BTreeSet::<i64>::new(), BTreeSet::<i64>::new());
        for (step, pick) in picks {
            if step == 0 {
                if let Some(offset) = unread.next() {
                    prop_assert_eq!(tracker.read(offset, true), NEW);
                    all.push(offset);
                    open.insert(offset);
                }
            } else if !all.is_empty() {
                let offset = *pick.get(&all);
                if step == 1 {
                    prop_assert_eq!(tracker.settle(offset), open.remove(&offset));
                    started.remove(&offset);
                } else {
                    tracker.start(offset);
                    started.extend(open.get(&offset));
                }
            }
            prop_assert_eq!(tracker.pending(), open.len());
            let end = all.last().map(|last| last + 1);
            prop_assert_eq!(tracker.position(), open.first().copied().or(end));
            let note = tracker.note(A, None);
            prop_assert!(note.unsettled.iter().eq(&open));
            prop_assert!(note.running.iter().map(|(offset, _)| offset).eq(&started));
            prop_assert!(tracker.started().eq(started.iter().copied()));
        }
    }
}
