//! What happened, as one line of JSON for each event of each process.
//!
//! Each process appends to a file of its own, with one `write` for each event. What was written
//! survives SIGKILL, since the kernel has it. All processes run on one machine, whose monotonic clock
//! they share, so the files merge into one order.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::event::{Entry, Event, now};

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
    use crate::driver::event::{ClientAtRest, Receipt};

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
