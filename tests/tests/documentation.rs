//! The page of `#[kafka_rpc::service]` says what is so.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../kafka-rpc-macros/docs/service.md");

/// What the compiler is known to say.
fn expected_texts() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/fail");
    let texts = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let text = path.extension().is_some_and(|it| it == "stderr");
        text.then(|| fs::read_to_string(path).unwrap())
    });
    texts.flatten().collect()
}

/// The messages that the first column of the section's table quotes.
fn quoted() -> Vec<&'static str> {
    let section = PAGE.split("\n# Troubleshooting\n").nth(1).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let cell = row.split(" | ").next().unwrap().trim_start_matches("| ");
        cell.split(", `").map(|it| it.trim_matches(['`', ' ']))
    })
    .collect()
}

#[test]
fn its_messages_are_those_of_the_compiler() {
    let texts = expected_texts();
    let messages = quoted();
    assert!(messages.len() > 20, "{messages:?}");
    for message in messages {
        // The end of a quotation may have been a backtick of the message's own.
        let mut parts = message.split('…').map(|part| part.trim_matches('`'));
        let first = parts.next().unwrap();
        let rest: Vec<_> = parts.collect();
        let said = texts.lines().any(|line| {
            let Some((_, mut line)) = line.split_once(first) else {
                return false;
            };
            rest.iter().all(|part| match line.split_once(part) {
                Some((_, after)) => {
                    line = after;
                    true
                }
                None => false,
            })
        });
        assert!(said, "no test of the macro has the message: {message}");
    }
}
