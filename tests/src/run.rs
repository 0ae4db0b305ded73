//! What this process starts and writes, bound to its life.
//!
//! Every child carries the token of the process that started it in its environment, and every file
//! lies in one folder. A small shell script waits on a pipe for the end of the process, then kills
//! whoever has the token and removes the folder. So neither a panic nor SIGKILL leaves anything
//! behind. Finding processes by their environment needs `/proc`: where there is none, only what is
//! dropped in good order is cleaned up.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

const TOKEN_VARIABLE: &str = "KAFKA_RPC_RUN";

struct Run {
    token: String,
    folder: PathBuf,
    /// Holds the pipe that the script waits on. Statics aren't dropped: the kernel closes it.
    _reaper: Child,
}

fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| Run::start().expect("the reaper needs `sh` and a temporary folder"))
}

impl Run {
    fn start() -> io::Result<Self> {
        let token = format!("{:032x}", fastrand::u128(..));
        let folder = std::env::temp_dir().join(format!("kafka-rpc-{token}"));
        // Before the folder is made, so that there is no moment in which it could be left behind.
        let reaper =
            outliving(Command::new("sh").args(["-c", include_str!("reaper.sh"), "reaper"]))
                .arg(&token)
                .arg(&folder)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
        std::fs::create_dir(&folder)?;
        Ok(Self {
            token,
            folder,
            _reaper: reaper,
        })
    }
}

/// Makes a command die with this process.
pub fn bind(command: &mut Command) -> &mut Command {
    command.env(TOKEN_VARIABLE, &run().token)
}

/// Makes a command outlive this process and whatever started that: it is out of the reach of the
/// terminal's Ctrl-C and of every reaper.
pub(crate) fn outliving(command: &mut Command) -> &mut Command {
    command.process_group(0).env_remove(TOKEN_VARIABLE)
}

/// The folder in which this process keeps its temporary files.
pub fn folder() -> &'static Path {
    &run().folder
}

/// A new folder that is removed when it is dropped, or at the latest with the process.
///
/// # Errors
/// It can't be created.
pub fn temp_dir(name: &str) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(name).tempdir_in(folder())
}
