//! Programs whose wall clock is wrong.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::run;

/// Shifts the wall clock of a command by `seconds`, to the past if negative; monotonic time is
/// untouched. For dynamically linked programs on Linux; needs a C compiler.
///
/// # Panics
/// The shim doesn't compile.
pub fn shift(command: &mut Command, seconds: i64) -> &mut Command {
    command
        .env("LD_PRELOAD", shim())
        .env("KAFKA_RPC_CLOCK_SHIFT", seconds.to_string())
}

/// The shared object that [`shift`] loads, compiled once for a process.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(TempDir, std::path::PathBuf)> = OnceLock::new();
    let (_, path) = SHIM.get_or_init(|| {
        let folder = run::temp_dir("clock-").expect("a temporary folder can be made");
        let source = folder.path().join("clock_shim.c");
        let object = folder.path().join("clock_shim.so");
        std::fs::write(&source, include_str!("clock_shim.c")).expect("the folder is writable");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .args([&object, &source])
            .output()
            .expect("a C compiler is there, since librdkafka was built with it");
        assert!(
            compiled.status.success(),
            "the clock shim doesn't compile:\n{}",
            String::from_utf8_lossy(&compiled.stderr),
        );
        (folder, object)
    });
    path
}
