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
