//! What the `service` attribute accepts, and what it says of what it doesn't.
//!
//! What it accepts are modules of this program, so that they cost one build, and clippy reads them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../ui/pass/mod.rs"]
pub mod pass;

/// The compiler whose wording the expected texts have.
const PINNED: &str = "rustc 1.95.";

#[test]
fn ui() {
    let version = version();
    if !version.starts_with(PINNED) {
        assert!(
            std::env::var_os("KAFKA_RPC_REQUIRE_UI").is_none(),
            "the UI suite needs {PINNED}x and this is {version}"
        );
        eprintln!("UI suite skipped: it needs {PINNED}x and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

fn version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let output = output.expect("rustc runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The Rust files in a folder and its folders.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .collect()
}

#[test]
fn every_file_that_compiles_is_compiled() {
    let listed = fs::read_to_string(here("ui/pass/mod.rs")).expect("it is there");
    for file in sources(&here("ui/pass")) {
        let name = file.file_stem().expect("it has a name").to_string_lossy();
        let line = format!("pub mod {name};");
        assert!(
            name == "mod" || listed.lines().any(|it| it == line),
            "{name}"
        );
        let text = fs::read_to_string(&file).expect("it can be read");
        let lints = "clippy::all,\n    clippy::pedantic,\n    clippy::nursery\n)]";
        assert!(
            name == "mod" || text.contains(lints),
            "{name} denies too little"
        );
    }
}

/// README.md says of each case of the macro which tests show it.
#[test]
fn every_case_is_shown() {
    let readme = fs::read_to_string(here("README.md")).expect("it is there");
    let functions: String = ["tests", "ui", "conformance", "../kafka-rpc-macros/src"]
        .iter()
        .flat_map(|folder| sources(&here(folder)))
        .map(|file| fs::read_to_string(file).expect("it can be read"))
        .collect();
    let rows = readme.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split(" | ");
        let number: usize = cells.next()?.trim().parse().ok()?;
        Some((number, cells.last()?))
    });
    let mut numbers = Vec::new();
    for (number, tests) in rows {
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "nothing shows case {number}");
        for name in names {
            let there = match name.split_once('/') {
                Some(("crates", _)) => here(name).join("src/lib.rs").exists(),
                Some(_) => here(&format!("ui/{name}.rs")).exists(),
                None => functions.contains(&format!("fn {name}(")),
            };
            assert!(
                there,
                "case {number} is said to be shown by {name}, which isn't there"
            );
        }
        numbers.push(number);
    }
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
}
