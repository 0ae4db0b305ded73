//! Reads the golden vectors, which no code of this project has written, and holds the wire to them.

#![allow(clippy::unwrap_used)]

mod vectors;

use std::collections::BTreeMap;
use std::fmt::Debug;

use kafka_rpc_core::wire::{
    CallId, Cancel, Command, Envelope, Executor, HandOver, Note, PreflightError, Reply, ReplyBody,
    Runs, Sent, StageTimes, decode, fingerprint, murmur2, partition_for, preflight,
};
use kafka_rpc_core::{Code, Outcome};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use vectors::{Vector, hex, unhex, vectors};

/// Decodes each vector, compares it, and where the vector is canonical writes it back.
fn check_envelopes(kind: &str, at_least: usize, expect: impl Fn(&Vector, Envelope<'_>) -> Vec<u8>) {
    for vector in vectors(kind, at_least) {
        let bytes = vector.bytes("hex");
        let envelope = decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        let written = expect(&vector, envelope);
        if vector.text("canonical") == "yes" {
            assert_eq!(hex(&written), vector.text("hex"), "{}", vector.name);
        }
    }
}

#[test]
fn commands() {
    check_envelopes("command", 15, |vector, envelope| {
        let (arguments, key) = (vector.bytes("arguments"), vector.optional("key", unhex));
        let idempotency_key = vector.optional("idempotency_key", unhex);
        let expected = Command {
            call_id: vector.call_id(),
            service: vector.text("service"),
            service_version: vector.number("service_version"),
            method: vector.text("method"),
            arguments: &arguments,
            reply_to: vector.reply_to(),
            budget_ms: vector.number("budget_ms"),
            key: key.as_deref(),
            idempotency_key: idempotency_key.as_deref(),
            attempt: vector.number("attempt"),
            fingerprint: vector.optional("fingerprint", |text| text.parse().unwrap()),
            sent: vector.optional("sent", |text| {
                let mut numbers = text.split(' ').map(|number| number.parse().unwrap());
                let mut next = || numbers.next().unwrap();
                Sent {
                    at_ms: next(),
                    error_ms: next(),
                    clock: next(),
                }
            }),
        };
        let Envelope::Command(command) = envelope else {
            panic!("{} is no command", vector.name)
        };
        // Not by `assert_eq!`: a command's `Debug` hides what may differ.
        assert!(command == expected, "{}: {command:?}", vector.name);
        let mut written = Vec::new();
        command.encode(&mut written);
        written
    });
}

#[test]
fn replies() {
    check_envelopes("reply", 22, |vector, envelope| {
        let payload = vector.fields.get("payload").map(|text| unhex(text));
        let body = match (vector.text("body"), payload.as_deref()) {
            ("value", Some(payload)) => ReplyBody::Value(payload),
            ("app", Some(payload)) => ReplyBody::App(payload),
            _ => ReplyBody::Error {
                code: code(vector.text("code")),
                outcome: match vector.text("outcome") {
                    "NotRun" => Outcome::NotRun,
                    "Ran" => Outcome::Ran,
                    "Unknown" => Outcome::Unknown,
                    other => panic!("no outcome {other}"),
                },
                message: vector.text("message"),
                retry_after_ms: vector.optional("retry_after_ms", |text| text.parse().unwrap()),
            },
        };
        let expected = Reply {
            call_id: vector.call_id(),
            body,
            server: vector.text("server"),
            times: StageTimes {
                queued_us: vector.number("queued_us"),
                handler_us: vector.number("handler_us"),
                read_at_us: vector.optional("read_at_us", |text| text.parse().unwrap()),
                clock: vector.optional("clock", |text| text.parse().unwrap()),
            },
            attempt: vector.number("attempt"),
        };
        let Envelope::Reply(reply) = envelope else {
            panic!("{} is no reply", vector.name)
        };
        assert!(reply == expected, "{}: {reply:?}", vector.name);
        let mut written = Vec::new();
        reply.encode(&mut written);
        written
    });
}

#[test]
fn cancels() {
    check_envelopes("cancel", 3, |vector, envelope| {
        let expected = Cancel {
            call_id: vector.call_id(),
            service: vector.text("service"),
        };
        let Envelope::Cancel(cancel) = envelope else {
            panic!("{} is no cancel", vector.name)
        };
        assert_eq!(cancel, expected, "{}", vector.name);
        let mut written = Vec::new();
        cancel.encode(&mut written);
        written
    });
}

fn offsets(text: &str) -> Vec<i64> {
    let offsets = text.split(' ').filter(|text| *text != "nil");
    offsets.map(|text| text.parse().unwrap()).collect()
}

#[test]
fn hand_overs() {
    check_envelopes("hand_over", 4, |vector, envelope| {
        let Envelope::HandOver(told) = envelope else {
            panic!("{} is no hand-over", vector.name)
        };
        let id = vector.call_id();
        let settled = offsets(vector.text("settled"));
        let running = offsets(vector.text("running"));
        assert_eq!((told.executor, told.number), (id.instance(), id.sequence()));
        assert_eq!(
            told.settled().collect::<Vec<_>>(),
            settled,
            "{}",
            vector.name
        );
        assert_eq!(
            told.running().collect::<Vec<_>>(),
            running,
            "{}",
            vector.name
        );
        let mut written = Vec::new();
        HandOver::encode(id, &settled, &running, &mut written);
        written
    });
}

#[test]
fn notes() {
    for vector in vectors("note", 5) {
        let executor = |text: &str| Executor::try_from(unhex(text)).unwrap();
        let runs = |text: &str| match text {
            "nobody" => Runs::Nowhere,
            text => Runs::On(executor(text)),
        };
        let running = vector
            .text("running")
            .split(' ')
            .filter(|text| *text != "nil");
        let running = running.map(|text| {
            let (offset, on) = text.split_once('=').unwrap();
            (offset.parse().unwrap(), runs(on))
        });
        let note = Note {
            executor: executor(vector.text("executor")),
            next: vector.number("next"),
            fresh: vector.optional("fresh", |text| text.parse().unwrap()),
            unsettled: offsets(vector.text("unsettled")),
            running: running.collect(),
        };
        let (base, metadata) = (vector.number("base"), vector.text("metadata"));
        let read = Note::decode(base, metadata.as_bytes());
        assert_eq!(read.as_ref(), Some(&note), "{}", vector.name);
        assert_eq!(
            note.encode(base).as_deref(),
            Some(metadata),
            "{}",
            vector.name
        );
    }
}

#[test]
fn refusals() {
    for vector in vectors("refused", 40) {
        let bytes = vector.bytes("hex");
        let malformed = decode(&bytes).expect_err(&vector.name);
        let name = format!("{} ({malformed})", vector.name);
        assert_eq!(malformed.code, code(vector.text("code")), "{name}");
        assert_eq!(
            malformed.call_id,
            vector.optional("call_id", |text| CallId::from_slice(&unhex(text)).unwrap()),
            "{name}"
        );
        assert_eq!(malformed.reply_to, vector.reply_to(), "{name}");
        assert!(!malformed.reason.is_empty(), "{name}");
    }
}

#[test]
fn preflights() {
    for vector in vectors("preflight", 20) {
        let expected = match vector.text("verdict") {
            "fine" => Ok(()),
            "Empty" => Err(PreflightError::Empty),
            "Truncated" => Err(PreflightError::Truncated),
            "TooDeep" => Err(PreflightError::TooDeep),
            "Reserved" => Err(PreflightError::Reserved),
            "Trailing" => Err(PreflightError::Trailing),
            other => panic!("no verdict {other}"),
        };
        assert_eq!(preflight(&vector.bytes("hex")), expected, "{}", vector.name);
    }
}

#[test]
fn call_ids() {
    for vector in vectors("call_id", 3) {
        let instance = vector.bytes("instance").try_into().unwrap();
        let id = CallId::new(instance, vector.number("sequence"));
        assert_eq!(id.to_string(), vector.text("shown"), "{}", vector.name);
        assert_eq!(hex(id.as_bytes()), vector.text("shown"), "{}", vector.name);
    }
}

#[test]
fn partitions() {
    for vector in vectors("murmur2", 10) {
        let key = vector.bytes("key");
        let hash: i32 = vector.number("hash");
        assert_eq!(murmur2(&key).cast_signed(), hash, "{}", vector.name);
        for (partitions, field) in [(6, "of_6"), (12, "of_12")] {
            let expected: u32 = vector.number(field);
            assert_eq!(partition_for(&key, partitions), expected, "{}", vector.name);
        }
    }
}

#[test]
fn fingerprints() {
    for vector in vectors("fingerprint", 4) {
        let expected: u64 = vector.number("value");
        let mut methods: Vec<_> = vector.text("methods").split_whitespace().collect();
        assert_eq!(fingerprint(methods.iter().copied()), expected);
        methods.reverse();
        assert_eq!(fingerprint(methods.into_iter()), expected);
    }
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Point {
    x: i32,
    y: Option<i32>,
}
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Unit;
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Newtype(u8);
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Pair(u8, u8);
#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Choice {
    Unit,
    Newtype(u8),
    Tuple(u8, u8),
    Struct { x: u8 },
}

/// Bytes as serde's own byte type; what a macro maps byte vectors to is tested where it does so.
#[derive(PartialEq, Debug)]
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(|bytes| Self(bytes.to_vec()))
    }
}

/// How a value looks is serde's and rmp-serde's choice, and so part of the protocol by this test.
#[test]
fn values() {
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(expected: &[u8], value: T) {
        let mut written = Vec::new();
        let mut serializer = rmp_serde::Serializer::new(&mut written).with_struct_map();
        value.serialize(&mut serializer).unwrap();
        assert_eq!(hex(&written), hex(expected), "{value:?}");
        assert_eq!(preflight(expected), Ok(()));
        assert_eq!(rmp_serde::from_slice::<T>(expected).unwrap(), value);
    }
    for vector in vectors("value", 24) {
        let bytes = vector.bytes("hex");
        match vector.name.strip_prefix("value-").unwrap() {
            "unit" => check(&bytes, ()),
            "true" => check(&bytes, true),
            "i64-minus-1" => check(&bytes, -1_i64),
            "i64-minus-200" => check(&bytes, -200_i64),
            "i64-200" => check(&bytes, 200_i64),
            "u64-max" => check(&bytes, u64::MAX),
            "f32-one-and-a-half" => check(&bytes, 1.5_f32),
            "f64-one-and-a-half" => check(&bytes, 1.5_f64),
            "char" => check(&bytes, 'ß'),
            "string" => check(&bytes, "hi".to_owned()),
            "none" => check(&bytes, None::<u8>),
            "some" => check(&bytes, Some(5_u8)),
            "vec" => check(&bytes, vec![1_u32, 2]),
            "tuple" => check(&bytes, (1_u8, "x".to_owned())),
            "bytes" => check(&bytes, Raw(vec![0, 0xff])),
            "map" => check(&bytes, BTreeMap::from([("k".to_owned(), 1_u8)])),
            "struct" => check(&bytes, Point { x: 1, y: None }),
            "unit-struct" => check(&bytes, Unit),
            "newtype-struct" => check(&bytes, Newtype(5)),
            "tuple-struct" => check(&bytes, Pair(5, 6)),
            "unit-variant" => check(&bytes, Choice::Unit),
            "newtype-variant" => check(&bytes, Choice::Newtype(5)),
            "tuple-variant" => check(&bytes, Choice::Tuple(5, 6)),
            "struct-variant" => check(&bytes, Choice::Struct { x: 5 }),
            other => panic!("no value is named {other}"),
        }
    }
}

fn code(name: &str) -> Code {
    let named = Code::ALL.into_iter().find(|code| code.name() == name);
    named.unwrap_or_else(|| panic!("no code {name}"))
}
