use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use super::*;

#[test]
fn a_thread_that_is_held_up_loses_its_lease() {
    let lease = Arc::new(PollLease::default());
    let (sender, taken) = mpsc::channel();
    let watcher = thread::spawn({
        let lease = Arc::clone(&lease);
        move || {
            sender.send(lease.wait()).expect("the test listens");
        }
    });
    let work = lease.begin();
    assert!(taken.recv().expect("the watcher says so"));
    assert!(!lease.finish(work), "the other one has it");
    watcher.join().expect("it ended");
}

#[test]
fn nobody_waits_beyond_the_end() {
    let lease = Arc::new(PollLease::default());
    let watcher = thread::spawn({
        let lease = Arc::clone(&lease);
        move || while lease.wait() {}
    });
    for _ in 0..1_000 {
        let work = lease.begin();
        // It may be lost: a thread can be held up anywhere.
        let _ = lease.finish(work);
    }
    lease.end();
    watcher.join().expect("it ended");
}
