//! What the `service` attribute accepts, and what it says of what it doesn't.

use std::process::Command;

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
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}

fn version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let output = output.expect("rustc runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
