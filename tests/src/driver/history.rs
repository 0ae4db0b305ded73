//! What happened, as one line of JSON for each event of each process.
//!
//! Each process appends to a file of its own, with one `write` for each event. What was written
//! survives SIGKILL, since the kernel has it. All processes run on one machine, whose monotonic clock
//! they share, so the files merge into one order.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The process that runs the driver itself.
pub const DRIVER: u32 = 0;

/// Nanoseconds of the machine's monotonic clock.
#[must_use]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // The clock starts at zero with the machine, so neither part is negative.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// An event with its time and its process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened, in nanoseconds of the monotonic clock.
    pub at: u64,
    /// The number of the process that wrote it; each life of a process has its own.
    pub process: u32,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A client is about to poll a call for the first time.
    Invoke {
        /// The call's number; no other call of the run has it.
        call: u64,
        /// What it asks for.
        method: Method,
        /// Its key, if it has one.
        key: Option<u64>,
        /// The digest of its data.
        digest: u64,
        /// How long it may take.
        timeout_ms: u64,
    },
    /// The call ended with a value; without a receipt if it is one-way.
    Ok {
        /// The call.
        call: u64,
        /// What the handler returned.
        receipt: Option<Receipt>,
    },
    /// The call ended with the method's own error.
    Failed {
        /// The call.
        call: u64,
        /// What the handler returned.
        receipt: Receipt,
    },
    /// The call ended with an error of the framework's.
    Err {
        /// The call.
        call: u64,
        /// The code's name.
        code: String,
        /// Whether it ran, as the error says.
        outcome: Outcome,
        /// Whether a server reported it.
        from_server: bool,
    },
    /// The caller dropped the call.
    Cancel {
        /// The call.
        call: u64,
    },
    /// A handler was polled for the first time.
    Recv {
        /// The call.
        call: u64,
        /// Which run it is, counted by the server process.
        run: u64,
        /// The call's attempt.
        attempt: u32,
    },
    /// A handler's effect began or ended.
    Effect {
        /// The call.
        call: u64,
        /// The run.
        run: u64,
        /// Which of the two.
        phase: Phase,
    },
    /// A handler returned.
    Reply {
        /// The call.
        call: u64,
        /// The run.
        run: u64,
    },
    /// A handler was dropped before it returned.
    Drop {
        /// The call.
        call: u64,
        /// The run.
        run: u64,
    },
    /// The driver began or ended a fault.
    Fault {
        /// What it did.
        name: String,
        /// [`Phase::Start`] if calls can't succeed from now on, [`Phase::End`] if they can again.
        phase: Phase,
    },
    /// The driver started a process.
    Started {
        /// The process.
        number: u32,
        /// What it does.
        role: Role,
    },
    /// A process ended.
    Exited {
        /// The process.
        number: u32,
        /// How.
        exit: Exit,
    },
    /// The driver asked the clients to make no more calls.
    LoadEnds,
    /// The process, or one of its processors, stood still until now.
    Stall {
        /// Since when.
        since: u64,
    },
    /// Kafka-rpc logged a warning or an error.
    Log {
        /// The level.
        level: String,
        /// Where it comes from.
        target: String,
        /// The text.
        message: String,
    },
    /// A client has no calls left.
    ClientAtRest(ClientAtRest),
    /// A server has nothing left to do.
    ServerAtRest {
        /// Commands that wait.
        queued: u64,
        /// Handlers that run.
        running: u64,
    },
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// An answer at once.
    Quick,
    /// An answer after 1 to 3 ms, in the order of its key.
    Keyed,
    /// An answer after 200 ms.
    Slow,
    /// An answer after 3 s, for which the caller doesn't wait.
    Hang,
    /// An answer after 8 s.
    Long,
    /// An error of the method's own.
    Refuse,
    /// No answer.
    Tell,
}

/// The start or the end of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Start,
    /// It is over.
    End,
}

/// Whether a failed call ran, as its error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It didn't.
    NotRun,
    /// It did.
    Ran,
    /// Nobody knows.
    Unknown,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It serves.
    Server,
    /// It calls.
    Client,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It was asked to, and did so in good order.
    Asked,
    /// The driver killed it.
    Killed,
    /// It failed, or hung.
    Failed(String),
}

/// What a handler returns: proof of which call it served, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The call's number.
    pub call: u64,
    /// The digest of the data that the handler was given.
    pub digest: u64,
    /// The number of the server's process.
    pub server: u32,
    /// The run, counted by that process.
    pub run: u64,
}

/// What a client counted, after all its calls have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAtRest {
    /// Calls that wait for their end.
    pub in_flight: u64,
    /// Calls that were started.
    pub started: u64,
    /// Calls to which a reply came.
    pub answered: u64,
    /// One-way calls that are in the log.
    pub acknowledged: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Calls that were dropped.
    pub cancelled: u64,
    /// Calls that lost their reply path.
    pub disconnected: u64,
    /// Calls whose command isn't in the log.
    pub failed: u64,
    /// Calls that were refused before they were started.
    pub refused: u64,
}

/// Appends the events of one process to its file.
#[derive(Debug)]
pub struct Writer {
    file: File,
    process: u32,
}

impl Writer {
    /// Creates the file of a process in the history's folder.
    ///
    /// # Errors
    /// It can't be created.
    pub fn create(folder: &Path, process: u32) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(folder.join(format!("{process}.jsonl")))?;
        Ok(Self { file, process })
    }

    /// Records an event that happens now.
    ///
    /// A process that can't write its history ends at once: nothing it did would be judged.
    pub fn record(&self, event: Event) {
        let entry = Entry {
            at: now(),
            process: self.process,
            event,
        };
        let written = serde_json::to_vec(&entry)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                (&self.file).write_all(&line)
            });
        if let Err(error) = written {
            eprintln!("the history can't be written: {error}");
            std::process::exit(3);
        }
    }
}

/// All events of a run in the order of their time.
#[derive(Clone, Debug, Default)]
pub struct History(Vec<Entry>);

impl History {
    /// A history of these entries, in whatever order they are.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| entry.at);
        Self(entries)
    }

    /// Reads and merges the files of all processes.
    ///
    /// # Errors
    /// A file can't be read, or has a line that is no event. A last line without its end is ignored:
    /// its process was killed while it wrote.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut entries = Vec::new();
        for file in std::fs::read_dir(folder)? {
            let path = file?.path();
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            let text = std::fs::read_to_string(&path)?;
            for line in text
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
            {
                entries.push(serde_json::from_str(line).map_err(|error| {
                    io::Error::other(format!("{}: {error}: {line}", path.display()))
                })?);
            }
        }
        Ok(Self::new(entries))
    }

    /// The entries in the order of their time.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_in_the_order_of_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Writer::create(folder.path(), 1).unwrap();
        let second = Writer::create(folder.path(), 2).unwrap();
        let receipt = Receipt {
            call: u64::MAX,
            digest: 3,
            server: 2,
            run: 4,
        };
        first.record(Event::Cancel { call: 1 });
        second.record(Event::Failed { call: 2, receipt });
        first.record(Event::ClientAtRest(ClientAtRest::default()));
        // A process that is killed while it writes leaves half a line.
        std::fs::write(folder.path().join("3.jsonl"), "{\"at\":1,\"proc").unwrap();
        let history = History::read(folder.path()).unwrap();
        let processes: Vec<u32> = history
            .entries()
            .iter()
            .map(|entry| entry.process)
            .collect();
        assert_eq!(processes, [1, 2, 1]);
        assert_eq!(
            history.entries()[1].event,
            Event::Failed { call: 2, receipt }
        );
    }

    #[test]
    fn a_line_that_is_no_event_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1.jsonl"), "{\"at\":1}\n").unwrap();
        assert!(History::read(folder.path()).is_err());
    }
}
