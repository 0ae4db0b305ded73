//! Notices when a process stands still: stopped by a signal, or without a processor.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

use super::event::{Event, now};
use super::history::Writer;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);
/// From when on it records that the process stood still.
const STALL: Duration = Duration::from_millis(60);

/// Records from now on when this process stands still.
///
/// Threads of its own look, not tasks: what blocks the runtime's workers is no excuse. There is one
/// for each processor and bound to it, since a virtual machine may lose one processor for a while,
/// and with it only those threads that were there.
pub(super) fn watch(history: &Arc<Writer>) {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    for processor in 0..processors {
        let history = Arc::clone(history);
        thread::spawn(move || {
            let mut here = CpuSet::new();
            here.set(processor);
            // Where it can't be bound, it looks from wherever it runs.
            let _ = sched_setaffinity(None, &here);
            loop {
                let since = now();
                thread::sleep(LOOK);
                if Duration::from_nanos(now() - since) > STALL {
                    history.record(Event::Stall { since });
                }
            }
        });
    }
}
