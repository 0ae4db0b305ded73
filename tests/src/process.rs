//! Other processes: started, watched by their output, stopped and killed.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::run;

/// How often a condition is looked at that nothing announces.
const POLL: Duration = Duration::from_millis(10);

/// A running process. It is killed when it is dropped, and also when this process dies.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: Arc<Output>,
    /// How many lines [`Process::wait_for_line`] has consumed.
    read: usize,
}

/// Lines of standard output and standard error in the order of their arrival.
#[derive(Debug, Default)]
struct Output {
    state: Mutex<OutputState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct OutputState {
    lines: Vec<String>,
    open_streams: usize,
}

impl Process {
    /// Starts a command with no standard input, collecting what it prints.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = run::bind(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let output = Arc::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            output.collect(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            output.collect(stderr);
        }
        Ok(Self {
            child,
            output,
            read: 0,
        })
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the process has printed so far.
    pub fn output(&self) -> String {
        self.output.lock().lines.join("\n")
    }

    /// Waits for the next line that contains `text`. A line is found once only.
    ///
    /// # Panics
    /// No such line came within `patience`, or the process ended without it. The message holds
    /// what was printed instead.
    pub fn wait_for_line(&mut self, text: &str, patience: Duration) -> String {
        let until = Instant::now() + patience;
        let mut state = self.output.lock();
        loop {
            while let Some(line) = state.lines.get(self.read) {
                self.read += 1;
                if line.contains(text) {
                    return line.clone();
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                state.open_streams > 0 && !left.is_zero(),
                "process {} printed no line with {text:?}, but:\n{}",
                self.child.id(),
                state.lines.join("\n"),
            );
            state = self
                .output
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Whether the process hasn't ended yet. A stopped one is running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end; `None` if it doesn't come within `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(POLL),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// SIGKILL; returns when the process is gone.
    pub fn kill(&mut self) {
        // Failing means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; returns at once.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// SIGINT, as Ctrl-C sends it; returns at once.
    pub fn interrupt(&mut self) {
        self.signal(Signal::INT);
    }

    /// SIGSTOP; returns when every thread stands still, until [`Process::resume`].
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
        // On a busy machine its threads go on for a moment, each until it is scheduled.
        wait_until(Duration::from_secs(5), || is_stopped(self.pid()));
    }

    /// SIGCONT.
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    fn signal(&mut self, signal: Signal) {
        // Asked first: the id of a process that has been waited for may belong to another one.
        if self.is_running() {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, OutputState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads to the end of the stream, so that the process never blocks on a full pipe.
    fn collect(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        self.lock().open_streams += 1;
        let output = Arc::clone(self);
        thread::spawn(move || {
            let mut lines = BufReader::new(stream).split(b'\n');
            while let Some(Ok(line)) = lines.next() {
                let line = String::from_utf8_lossy(&line).into_owned();
                output.lock().lines.push(line);
                output.changed.notify_all();
            }
            output.lock().open_streams -= 1;
            output.changed.notify_all();
        });
    }
}

/// A process's id together with its start time: the pair isn't used again while the machine is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pid: u32,
    started: u64,
}

impl Identity {
    /// That of a running process.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = Stat::of(pid)?;
        (!stat.is_zombie).then_some(Self {
            pid,
            started: stat.started,
        })
    }

    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (pid, started) = text.trim().split_once('-')?;
        Some(Self {
            pid: pid.parse().ok()?,
            started: started.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.pid, self.started)
    }
}

/// The fields of `/proc/<pid>/stat` that matter here.
struct Stat {
    command: String,
    is_zombie: bool,
    parent: u32,
    started: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command stands in parentheses and may contain anything.
        let (head, tail) = text.rsplit_once(')')?;
        let fields: Vec<&str> = tail.split_whitespace().collect();
        Some(Self {
            command: head.split_once('(')?.1.to_owned(),
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

/// Whether every thread of a process is stopped, or none is there.
fn is_stopped(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    threads.into_iter().flatten().flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').map(|(_, fields)| fields.trim_start());
        state.is_none_or(|state| state.starts_with(['T', 't', 'Z', 'X']))
    })
}

/// The nearest ancestor of this process whose command starts with `command`.
pub(crate) fn ancestor(command: &str) -> Option<u32> {
    let mut pid = Stat::of(std::process::id())?.parent;
    while pid > 1 {
        let stat = Stat::of(pid)?;
        if stat.command.starts_with(command) {
            return Some(pid);
        }
        pid = stat.parent;
    }
    None
}

/// Waits until `condition` holds; says whether it did within `patience`.
pub fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + patience;
    while !condition() {
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// Builds a binary of the workspace, in the profile and the target folder of this program, and
/// returns its path. Cargo builds a package's binaries by itself only for its own integration tests.
///
/// # Panics
/// It doesn't build.
pub fn workspace_binary(name: &str) -> PathBuf {
    let profile_folder = profile_folder();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "--quiet", "--workspace", "--bin", name])
        .arg("--target-dir")
        .arg(profile_folder.parent().unwrap_or(&profile_folder));
    if profile_folder.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.output().expect("cargo can be started");
    assert!(
        built.status.success(),
        "the binary {name} doesn't build:\n{}",
        String::from_utf8_lossy(&built.stderr),
    );
    profile_folder.join(name)
}

/// `target/debug` or `target/release`, whichever this program was built into.
pub(crate) fn profile_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its own path");
    let folder = program.parent().unwrap_or(Path::new("."));
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder.parent().unwrap_or(folder).to_owned()
    } else {
        folder.to_owned()
    }
}
