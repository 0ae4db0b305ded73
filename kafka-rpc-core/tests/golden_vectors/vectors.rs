//! Reads the file of golden vectors.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::path::Path;

use kafka_rpc_core::wire::{CallId, ReplyAddress};

/// One block of the file: what it is a vector of, its name, and its other lines.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) fields: HashMap<String, String>,
}

impl Vector {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields
            .get(field)
            .unwrap_or_else(|| panic!("{} has no field {field}", self.name))
    }

    pub(crate) fn bytes(&self, field: &str) -> Vec<u8> {
        unhex(self.text(field))
    }

    pub(crate) fn number<T: std::str::FromStr<Err: Debug>>(&self, field: &str) -> T {
        self.text(field).parse().unwrap()
    }

    pub(crate) fn optional<T>(&self, field: &str, read: impl FnOnce(&str) -> T) -> Option<T> {
        Some(self.text(field))
            .filter(|text| *text != "nil")
            .map(read)
    }

    pub(crate) fn call_id(&self) -> CallId {
        CallId::from_slice(&self.bytes("call_id")).unwrap()
    }

    pub(crate) fn reply_to(&self) -> Option<ReplyAddress<'_>> {
        let (topic, partition) = self.text("reply_to").split_once(' ')?;
        Some(ReplyAddress {
            topic,
            partition: partition.parse().unwrap(),
        })
    }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte in {text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The vectors of one kind, of which there are `at_least` so many: an empty file proves nothing.
pub(crate) fn vectors(kind: &str, at_least: usize) -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/wire.txt");
    let file = std::fs::read_to_string(&path).unwrap();
    let found: Vec<_> = file
        .split("\n\n")
        .filter(|block| !block.trim().is_empty() && !block.starts_with('#'))
        .filter_map(|block| {
            let mut lines = block.lines().map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_owned(), value.trim_start().to_owned())
            });
            let (of, name) = lines.next()?;
            (of == kind).then(|| Vector {
                name,
                fields: lines.collect(),
            })
        })
        .collect();
    assert!(found.len() >= at_least, "only {} of {kind}", found.len());
    found
}
