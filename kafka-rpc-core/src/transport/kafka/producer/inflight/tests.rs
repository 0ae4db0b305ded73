use crate::transport::TransportErrorKind as Kind;
use crate::transport::kafka::producer::inflight::*;

/// What was handed over, in lots.
#[derive(Default)]
struct Handed(Vec<Vec<u64>>);

impl Handed {
    fn take(&mut self, lot: &Lot<'_>) -> Refused {
        self.0.push(lot.records().map(|(_, token)| token).collect());
        Vec::new()
    }
}

fn record(value: &[u8]) -> Record<'_> {
    Record {
        topic: "topic",
        partition: 3,
        key: Some(b"key"),
        value,
        headers: &[],
        timestamp_ms: 5,
        urgent: false,
    }
}

fn pass(windows: &Windows, token: u64) -> Passed {
    let passed = windows.pass(&record(b"value"), token, || {}, |_| Ok(()));
    passed.expect("there is room")
}

/// As many as may be on their way, with the tokens from 0 on.
fn fill(windows: &Windows) {
    for token in 0..FEW as u64 {
        assert!(matches!(pass(windows, token), Passed::Sent));
    }
}

#[test]
fn what_is_kept_back_goes_together_when_few_are_on_their_way() {
    let windows = Windows::new(Duplicates::Never);
    let mut handed = Handed::default();
    fill(&windows);
    for token in 10..13 {
        assert!(matches!(pass(&windows, token), Passed::Kept));
    }
    assert!(windows.keep_any());
    let refused = windows.reported(0, 1, |_, lot| handed.take(lot));
    assert!(refused.is_empty() && !windows.keep_any());
    assert_eq!(handed.0, [[10, 11, 12]]);
    assert!(lock(&windows.keeping).is_empty(), "nothing is to be let go");
}

#[test]
fn what_may_come_twice_waits_for_no_report() {
    let windows = Windows::new(Duplicates::Harmless);
    let mut handed = Handed::default();
    for token in 0..100 {
        assert!(matches!(pass(&windows, token), Passed::Sent));
    }
    windows.hold();
    assert!(matches!(pass(&windows, 100), Passed::Held(0)));
    windows.unhold(|_, lot| handed.take(lot));
    assert_eq!(handed.0, [[100]]);
}

#[test]
fn records_come_out_as_they_went_in() {
    let windows = Windows::new(Duplicates::Never);
    windows.hold();
    let headers = [("name".to_owned(), b"value".to_vec())];
    let first = Record {
        key: None,
        headers: &headers,
        urgent: true,
        ..record(b"first")
    };
    let second = record(b"");
    for (token, record) in [(7, first), (8, second)] {
        let held = windows.pass(&record, token, || {}, |_| panic!("it is held"));
        assert!(matches!(held, Ok(Passed::Held(0))));
    }
    let mut lots = 0;
    windows.unhold(|number, lot| {
        lots += 1;
        assert_eq!((number, lot.topic(), lot.partition()), (0, "topic", 3));
        assert_eq!(lot.len(), 2);
        let got: Vec<_> = lot.records().collect();
        for ((got, token), (wanted, expected)) in got.iter().zip([(first, 7), (second, 8)]) {
            assert_eq!(*token, expected);
            assert_eq!((got.key, got.value), (wanted.key, wanted.value));
            assert_eq!(got.headers, wanted.headers);
            assert_eq!(got.timestamp_ms, wanted.timestamp_ms);
            assert_eq!(got.urgent, wanted.urgent);
        }
        Vec::new()
    });
    assert_eq!(lots, 1);
}

#[test]
fn what_was_held_waits_for_reports_of_what_is_on_its_way() {
    let windows = Windows::new(Duplicates::Never);
    let mut handed = Handed::default();
    fill(&windows);
    windows.hold();
    assert!(matches!(pass(&windows, 10), Passed::Held(0)));
    windows.unhold(|_, lot| handed.take(lot));
    assert!(handed.0.is_empty(), "too many are on their way");
    windows.reported(0, FEW, |_, lot| handed.take(lot));
    assert_eq!(handed.0, [[10]]);
}

#[test]
fn what_waited_for_a_report_goes_with_what_is_held() {
    let windows = Windows::new(Duplicates::Never);
    let mut handed = Handed::default();
    fill(&windows);
    assert!(matches!(pass(&windows, 10), Passed::Kept));
    windows.hold();
    windows.reported(0, FEW, |_, lot| handed.take(lot));
    assert!(matches!(pass(&windows, 11), Passed::Held(0)));
    assert!(handed.0.is_empty(), "everything is held");
    windows.unhold(|_, lot| handed.take(lot));
    assert_eq!(handed.0, [[10, 11]]);
}

#[test]
fn a_record_that_comes_during_a_release_goes_after_it() {
    let windows = Windows::new(Duplicates::Never);
    windows.hold();
    pass(&windows, 1);
    let mut handed = Handed::default();
    windows.unhold(|_, lot| {
        if handed.0.is_empty() {
            assert!(matches!(pass(&windows, 2), Passed::Kept));
        }
        handed.take(lot)
    });
    assert_eq!(handed.0, [[1], [2]]);
}

#[test]
fn records_that_are_refused_are_named_and_take_no_room() {
    let windows = Windows::new(Duplicates::Never);
    windows.hold();
    for token in 0..10 {
        pass(&windows, token);
    }
    let closed = || TransportError::new(Kind::Closed, "closed");
    let refused = windows.unhold(|_, lot| {
        let all = lot.records();
        all.map(|(_, token)| (token, closed())).collect()
    });
    let tokens: Vec<u64> = refused.iter().map(|(token, _)| *token).collect();
    assert_eq!(tokens, (0..10).collect::<Vec<_>>());
    fill(&windows);
    let error = Windows::new(Duplicates::Never).pass(&record(b""), 1, || {}, |_| Err(closed()));
    assert_eq!(error.err().map(|error| error.kind), Some(Kind::Closed));
}

#[test]
fn one_that_is_not_taken_takes_no_room() {
    let windows = Windows::new(Duplicates::Never);
    for token in 0..10 {
        let full = || TransportError::new(Kind::QueueFull, "full");
        let error = windows.pass(&record(b""), token, || {}, |_| Err(full()));
        assert_eq!(error.err().map(|error| error.kind), Some(Kind::QueueFull));
    }
    fill(&windows);
}

#[test]
fn a_report_that_is_heard_just_before_makes_room() {
    let windows = Windows::new(Duplicates::Never);
    fill(&windows);
    let look = || drop(windows.reported(0, FEW, |_, _| Vec::new()));
    let passed = windows.pass(&record(b""), 10, look, |_| Ok(()));
    assert!(matches!(passed, Ok(Passed::Sent)));
}

#[test]
fn no_more_bytes_are_kept_back_than_may_be() {
    let windows = Windows::new(Duplicates::Never);
    windows.hold();
    let value = vec![0; MAX_BYTES / 4 - 3];
    for token in 0..4 {
        let kept = windows.pass(&record(&value), token, || {}, |_| Ok(()));
        assert!(kept.is_ok());
    }
    let error = windows.pass(&record(b""), 4, || {}, |_| Ok(()));
    assert_eq!(error.err().map(|error| error.kind), Some(Kind::QueueFull));
    let mut handed = Handed::default();
    windows.release_all(|_, lot| handed.take(lot));
    assert_eq!(handed.0, [[0, 1, 2, 3]]);
    assert!(
        matches!(pass(&windows, 5), Passed::Held(0)),
        "there is room again"
    );
}

#[test]
fn partitions_do_not_wait_for_each_other() {
    let windows = Windows::new(Duplicates::Never);
    fill(&windows);
    let other = Record {
        partition: 4,
        ..record(b"")
    };
    let passed = windows.pass(
        &other,
        10,
        || {},
        |number| {
            assert_eq!(number, 1);
            Ok(())
        },
    );
    assert!(matches!(passed, Ok(Passed::Sent)));
}
