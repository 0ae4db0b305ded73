use crate::transport::TransportErrorKind as Kind;
use crate::transport::kafka::producer::inflight::*;

/// What was handed over, in batches.
#[derive(Default)]
struct Handed(Vec<Vec<u64>>);

impl Handed {
    fn take(&mut self, batch: &Batch<'_>) -> Refused {
        self.0
            .push(batch.records().map(|(_, token)| token).collect());
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

fn admit(in_flight: &InFlight, token: u64) -> Admission {
    let admission = in_flight.admit(&record(b"value"), token, || {}, |_| Ok(()));
    admission.expect("there is room")
}

/// As many as may be on their way, with the tokens from 0 on.
fn fill(in_flight: &InFlight) {
    for token in 0..MAX_UNACKED as u64 {
        assert!(matches!(admit(in_flight, token), Admission::Sent));
    }
}

#[test]
fn what_is_kept_back_goes_together_when_few_are_on_their_way() {
    let in_flight = InFlight::new(Duplicates::Never);
    let mut handed = Handed::default();
    fill(&in_flight);
    for token in 10..13 {
        assert!(matches!(admit(&in_flight, token), Admission::Kept));
    }
    assert!(in_flight.keeps_any());
    let refused = in_flight.on_reported(0, 1, |_, batch| handed.take(batch));
    assert!(refused.is_empty() && !in_flight.keeps_any());
    assert_eq!(handed.0, [[10, 11, 12]]);
    assert!(in_flight.hold.is_empty(), "nothing is to be let go");
}

#[test]
fn what_may_come_twice_waits_for_no_report() {
    let in_flight = InFlight::new(Duplicates::Harmless);
    let mut handed = Handed::default();
    for token in 0..100 {
        assert!(matches!(admit(&in_flight, token), Admission::Sent));
    }
    in_flight.hold();
    assert!(matches!(admit(&in_flight, 100), Admission::Held(0)));
    in_flight.unhold(|_, batch| handed.take(batch));
    assert_eq!(handed.0, [[100]]);
}

#[test]
fn records_come_out_as_they_went_in() {
    let in_flight = InFlight::new(Duplicates::Never);
    in_flight.hold();
    let headers = [("name".to_owned(), b"value".to_vec())];
    let first = Record {
        key: None,
        headers: &headers,
        urgent: true,
        ..record(b"first")
    };
    let second = record(b"");
    for (token, record) in [(7, first), (8, second)] {
        let held = in_flight.admit(&record, token, || {}, |_| panic!("it is held"));
        assert!(matches!(held, Ok(Admission::Held(0))));
    }
    let mut batches = 0;
    in_flight.unhold(|number, batch| {
        batches += 1;
        assert_eq!((number, batch.topic(), batch.partition()), (0, "topic", 3));
        assert_eq!(batch.len(), 2);
        let got: Vec<_> = batch.records().collect();
        for ((got, token), (wanted, expected)) in got.iter().zip([(first, 7), (second, 8)]) {
            assert_eq!(*token, expected);
            assert_eq!((got.key, got.value), (wanted.key, wanted.value));
            assert_eq!(got.headers, wanted.headers);
            assert_eq!(got.timestamp_ms, wanted.timestamp_ms);
            assert_eq!(got.urgent, wanted.urgent);
        }
        Vec::new()
    });
    assert_eq!(batches, 1);
}

#[test]
fn what_was_held_waits_for_reports_of_what_is_on_its_way() {
    let in_flight = InFlight::new(Duplicates::Never);
    let mut handed = Handed::default();
    fill(&in_flight);
    in_flight.hold();
    assert!(matches!(admit(&in_flight, 10), Admission::Held(0)));
    in_flight.unhold(|_, batch| handed.take(batch));
    assert!(handed.0.is_empty(), "too many are on their way");
    in_flight.on_reported(0, MAX_UNACKED, |_, batch| handed.take(batch));
    assert_eq!(handed.0, [[10]]);
}

#[test]
fn what_waited_for_a_report_goes_with_what_is_held() {
    let in_flight = InFlight::new(Duplicates::Never);
    let mut handed = Handed::default();
    fill(&in_flight);
    assert!(matches!(admit(&in_flight, 10), Admission::Kept));
    in_flight.hold();
    in_flight.on_reported(0, MAX_UNACKED, |_, batch| handed.take(batch));
    assert!(matches!(admit(&in_flight, 11), Admission::Held(0)));
    assert!(handed.0.is_empty(), "everything is held");
    in_flight.unhold(|_, batch| handed.take(batch));
    assert_eq!(handed.0, [[10, 11]]);
}

#[test]
fn a_record_that_comes_during_a_release_goes_after_it() {
    let in_flight = InFlight::new(Duplicates::Never);
    in_flight.hold();
    let _ = admit(&in_flight, 1);
    let mut handed = Handed::default();
    in_flight.unhold(|_, batch| {
        if handed.0.is_empty() {
            assert!(matches!(admit(&in_flight, 2), Admission::Kept));
        }
        handed.take(batch)
    });
    assert_eq!(handed.0, [[1], [2]]);
}

#[test]
fn records_that_are_refused_are_named_and_take_no_room() {
    let in_flight = InFlight::new(Duplicates::Never);
    in_flight.hold();
    for token in 0..10 {
        let _ = admit(&in_flight, token);
    }
    let closed = || TransportError::new(Kind::Closed, "closed");
    let refused = in_flight.unhold(|_, batch| {
        let all = batch.records();
        all.map(|(_, token)| (token, closed())).collect()
    });
    let tokens: Vec<u64> = refused.iter().map(|(token, _)| *token).collect();
    assert_eq!(tokens, (0..10).collect::<Vec<_>>());
    fill(&in_flight);
    let error = InFlight::new(Duplicates::Never).admit(&record(b""), 1, || {}, |_| Err(closed()));
    assert_eq!(error.err().map(|error| error.kind), Some(Kind::Closed));
}

#[test]
fn one_that_is_not_taken_takes_no_room() {
    let in_flight = InFlight::new(Duplicates::Never);
    for token in 0..10 {
        let full = || TransportError::new(Kind::QueueFull, "full");
        let error = in_flight.admit(&record(b""), token, || {}, |_| Err(full()));
        assert_eq!(error.err().map(|error| error.kind), Some(Kind::QueueFull));
    }
    fill(&in_flight);
}

#[test]
fn a_report_that_is_heard_just_before_makes_room() {
    let in_flight = InFlight::new(Duplicates::Never);
    fill(&in_flight);
    let look = || drop(in_flight.on_reported(0, MAX_UNACKED, |_, _| Vec::new()));
    let admission = in_flight.admit(&record(b""), 10, look, |_| Ok(()));
    assert!(matches!(admission, Ok(Admission::Sent)));
}

#[test]
#[cfg_attr(miri, ignore = "it fills 64 MiB")]
fn no_more_bytes_are_kept_back_than_may_be() {
    let in_flight = InFlight::new(Duplicates::Never);
    in_flight.hold();
    let value = vec![0; MAX_BYTES / 4 - 3];
    for token in 0..4 {
        let kept = in_flight.admit(&record(&value), token, || {}, |_| Ok(()));
        assert!(kept.is_ok());
    }
    let error = in_flight.admit(&record(b""), 4, || {}, |_| Ok(()));
    assert_eq!(error.err().map(|error| error.kind), Some(Kind::QueueFull));
    let mut handed = Handed::default();
    in_flight.release_all(|_, batch| handed.take(batch));
    assert_eq!(handed.0, [[0, 1, 2, 3]]);
    assert!(
        matches!(admit(&in_flight, 5), Admission::Held(0)),
        "there is room again"
    );
}

#[test]
fn partitions_do_not_wait_for_each_other() {
    let in_flight = InFlight::new(Duplicates::Never);
    fill(&in_flight);
    let other = Record {
        partition: 4,
        ..record(b"")
    };
    let admission = in_flight.admit(
        &other,
        10,
        || {},
        |number| {
            assert_eq!(number, 1);
            Ok(())
        },
    );
    assert!(matches!(admission, Ok(Admission::Sent)));
}
