//! What holds of the wire for all bytes, not only for chosen ones.

#![allow(clippy::unwrap_used)]

use std::io::Cursor;

use kafka_rpc_core::wire::{
    CallId, Cancel, Command, Envelope, HandOver, PreflightError, Reply, ReplyAddress, ReplyBody,
    Sent, StageTimes, decode, preflight,
};
use kafka_rpc_core::{Code, Outcome};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=max)
}

fn encoded(envelope: &Envelope<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match envelope {
        Envelope::Command(command) => command.encode(&mut out),
        Envelope::Reply(reply) => reply.encode(&mut out),
        Envelope::Cancel(cancel) => cancel.encode(&mut out),
        Envelope::HandOver(told) => {
            let (settled, running): (Vec<i64>, Vec<i64>) =
                (told.settled().collect(), told.running().collect());
            let id = CallId::new(told.executor, told.number);
            HandOver::encode(id, &settled, &running, &mut out);
        }
    }
    out
}

/// What is written reads back as the same, and is refused wherever it is cut.
fn survives(envelope: Envelope<'_>) -> Vec<u8> {
    let out = encoded(&envelope);
    assert!(decode(&out).as_ref() == Ok(&envelope), "{envelope:?}");
    for length in 0..out.len() {
        assert!(decode(&out[..length]).is_err(), "cut at {length}");
    }
    out
}

prop_compose! {
    fn command()(
        call_id in any::<[u8; 16]>(),
        names in ("\\PC{0,40}", "\\PC{0,40}"),
        service_version in any::<u32>(),
        arguments in bytes(300),
        reply_to in option::of(("[a-zA-Z0-9._-]{1,249}", 0..=i32::MAX.cast_unsigned())),
        budget_ms in any::<u32>(),
        keys in (option::of(bytes(40)), option::of(bytes(40))),
        attempt in 1..=u32::MAX,
        fingerprint in option::of(any::<u64>()),
        sent in option::of((any::<u64>(), any::<u64>(), any::<u64>())),
    ) -> Vec<u8> {
        survives(Envelope::Command(Command {
            call_id: CallId::from_slice(&call_id).unwrap(),
            service: &names.0,
            service_version,
            method: &names.1,
            arguments: &arguments,
            reply_to: reply_to
                .as_ref()
                .map(|(topic, partition)| ReplyAddress { topic, partition: *partition }),
            budget_ms,
            key: keys.0.as_deref(),
            idempotency_key: keys.1.as_deref(),
            attempt,
            fingerprint,
            sent: sent.map(|(at_ms, error_ms, clock)| Sent { at_ms, error_ms, clock }),
        }))
    }
}

prop_compose! {
    fn reply()(
        call_id in any::<[u8; 16]>(),
        shape in 0..3_u8,
        payload in bytes(300),
        code in prop::sample::select(Code::ALL.to_vec()),
        outcome in 0..3_u64,
        texts in ("\\PC{0,60}", "\\PC{0,40}"),
        retry_after_ms in option::of(any::<u32>()),
        times in (any::<u64>(), any::<u64>(), option::of(1..=u64::MAX), option::of(1..=u64::MAX)),
        attempt in 1..=u32::MAX,
    ) -> Vec<u8> {
        survives(Envelope::Reply(Reply {
            call_id: CallId::from_slice(&call_id).unwrap(),
            body: match shape {
                0 => ReplyBody::Value(&payload),
                1 => ReplyBody::App(&payload),
                _ => ReplyBody::Error {
                    code,
                    outcome: Outcome::from_number(outcome),
                    message: &texts.0,
                    retry_after_ms,
                },
            },
            server: &texts.1,
            times: StageTimes {
                queued_us: times.0,
                handler_us: times.1,
                read_at_us: times.2,
                clock: times.3,
            },
            attempt,
        }))
    }
}

prop_compose! {
    fn cancel()(call_id in any::<[u8; 16]>(), service in "\\PC{0,40}") -> Vec<u8> {
        survives(Envelope::Cancel(Cancel {
            call_id: CallId::from_slice(&call_id).unwrap(),
            service: &service,
        }))
    }
}

prop_compose! {
    fn hand_over()(
        call_id in any::<[u8; 16]>(),
        settled in vec(any::<i64>(), 0..20),
        running in vec(any::<i64>(), 0..20),
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let id = CallId::from_slice(&call_id).unwrap();
        HandOver::encode(id, &settled, &running, &mut out);
        let Ok(Envelope::HandOver(told)) = decode(&out) else {
            panic!("{out:?}");
        };
        assert!(told.settled().eq(settled) && told.running().eq(running));
        survives(Envelope::HandOver(told))
    }
}

/// A document with every kind of value, in formats of any length.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let headed = |head: &'static [u8]| {
        bytes(20).prop_map(move |data| {
            let length = u8::try_from(data.len()).unwrap();
            let mut out = head.to_vec();
            out.push(length);
            out.extend(data);
            out
        })
    };
    let ext = (any::<u8>(), bytes(20)).prop_map(|(kind, data)| {
        let length = u8::try_from(data.len()).unwrap();
        [vec![0xc7, length, kind], data].concat()
    });
    let wide = |head: u8, width: usize| {
        vec(any::<u8>(), width).prop_map(move |data| [vec![head], data].concat())
    };
    let leaf = prop_oneof![
        prop_oneof![0..=0x7f_u8, 0xe0..=0xff_u8, Just(0xc0), 0xc2..=0xc3_u8]
            .prop_map(|byte| vec![byte]),
        (0xcc..=0xd3_u8).prop_flat_map(move |head| wide(head, 1 << (head & 3))),
        wide(0xca, 4),
        wide(0xcb, 8),
        (0..=4_u8).prop_flat_map(move |form| wide(0xd4 + form, 1 + (1 << form))),
        ext,
        headed(&[0xc4]),
        headed(&[0xc5, 0]),
        headed(&[0xc6, 0, 0, 0]),
        headed(&[0xd9]),
        headed(&[0xda, 0]),
        headed(&[0xdb, 0, 0, 0]),
    ];
    leaf.prop_recursive(8, 64, 8, |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..8), 0..3_u8).prop_map(|(items, form)| {
                let count = u8::try_from(items.len()).unwrap();
                [container(0x90, 0xdc, form, count), items.concat()].concat()
            }),
            (vec((inner.clone(), inner), 0..4), 0..3_u8).prop_map(|(pairs, form)| {
                let count = u8::try_from(pairs.len()).unwrap();
                let items = pairs.into_iter().flat_map(|(key, value)| [key, value]);
                [
                    container(0x80, 0xde, form, count),
                    items.flatten().collect(),
                ]
                .concat()
            }),
        ]
    })
}

fn container(short: u8, long: u8, form: u8, count: u8) -> Vec<u8> {
    match form {
        0 => vec![short | count],
        1 => vec![long, 0, count],
        _ => vec![long + 1, 0, 0, 0, count],
    }
}

/// A value within containers of these kinds.
fn nested(maps: &[bool]) -> Vec<u8> {
    let heads = maps
        .iter()
        .flat_map(|map| if *map { &[0x81, 0xc0][..] } else { &[0x91] });
    heads.copied().chain([0xc0]).collect()
}

/// Whether rmp-serde reads the document, and reads it to its end.
fn serde_reads(document: &[u8]) -> bool {
    let mut deserializer = rmp_serde::Deserializer::new(Cursor::new(document));
    IgnoredAny::deserialize(&mut deserializer).is_ok()
        && deserializer.position() == document.len() as u64
}

/// Puts `byte` at a place that `at` chooses.
fn mutate(mut document: Vec<u8>, at: prop::sample::Index, byte: u8) -> Vec<u8> {
    let at = at.index(document.len());
    document[at] = byte;
    document
}

proptest! {
    #[test]
    fn envelopes_survive(_ in prop_oneof![command(), reply(), cancel(), hand_over()]) {
        // The strategies themselves assert it.
    }

    #[test]
    fn random_bytes_are_refused_or_read(bytes in bytes(200)) {
        if let Ok(envelope) = decode(&bytes) {
            survives(envelope);
        }
    }

    #[test]
    fn damaged_envelopes_are_refused_or_read(
        envelope in prop_oneof![command(), reply(), cancel(), hand_over()],
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let damaged = mutate(envelope, at, byte);
        match decode(&damaged) {
            Ok(envelope) => {
                prop_assert_eq!(preflight(&damaged), Ok(()));
                let written = encoded(&envelope);
                prop_assert!(decode(&written) == Ok(envelope));
            }
            Err(malformed) => {
                prop_assert!(malformed.call_id.is_some() || malformed.reply_to.is_none());
            }
        }
    }

    /// Elements that no version knows yet are of any depth, and come under the preflight too.
    #[test]
    fn whatever_follows_an_envelope_takes_its_preflight(
        first in vec(any::<bool>(), 0..70),
        second in prop_oneof![document(), bytes(20)],
        more in bytes(2),
    ) {
        let mut value = vec![0x97, 1, 3, 0, 0xc4, 16];
        value.extend([7; 16]);
        value.push(0xa0);
        value.extend(nested(&first));
        value.extend(second);
        value.extend(more);
        prop_assert_eq!(decode(&value).is_ok(), preflight(&value).is_ok());
    }

    #[test]
    fn preflight_passes_what_serde_reads(document in document()) {
        prop_assert_eq!(preflight(&document), Ok(()));
        prop_assert!(serde_reads(&document));
    }

    #[test]
    fn preflight_and_serde_agree_on_damaged_documents(
        document in document(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let damaged = mutate(document, at, byte);
        let verdict = preflight(&damaged);
        if verdict != Err(PreflightError::TooDeep) {
            prop_assert_eq!(verdict.is_ok(), serde_reads(&damaged), "{:?}", verdict);
        }
    }

    #[test]
    fn depth_is_counted_alike_in_arrays_and_maps(shape in vec(any::<bool>(), 1..130)) {
        let document = nested(&shape);
        let expected = if shape.len() > 64 { Err(PreflightError::TooDeep) } else { Ok(()) };
        prop_assert_eq!(preflight(&document), expected);
    }
}
