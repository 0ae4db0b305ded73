//! Has the commands of calls that are made at one moment go together.
//!
//! When a batch of replies comes, the tasks that waited for them are woken one after another, and
//! most of them call again. Were each command sent at once, the first few would make a request of
//! their own, and all others would wait until the broker has answered it. So while several calls are in
//! flight, commands are held back until the runtime has nothing else to do: a task is scheduled, and
//! lets all others go first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::transport::Producer;

/// With fewer calls in flight nothing is held back.
const SEVERAL: usize = 8;

/// Holds commands back for a moment; dropping it ends its task.
#[derive(Default)]
pub(in crate::client) struct Company(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The task has begun and not ended.
    runs: AtomicBool,
    /// The task is scheduled, and hasn't run yet.
    scheduled: AtomicBool,
    closed: AtomicBool,
    wake: Notify,
}

impl Company {
    /// A command is about to be produced, with so many calls in flight.
    pub(in crate::client) fn expect(&self, in_flight: usize, producer: &Arc<dyn Producer>) {
        let shared = &self.0;
        if in_flight < SEVERAL || shared.scheduled.load(Ordering::Relaxed) {
            return;
        }
        let runtime = if shared.runs.load(Ordering::Acquire) {
            None
        } else {
            // Where there is no runtime, threads block, one for each call.
            match Handle::try_current() {
                Ok(runtime) => Some(runtime),
                Err(_) => return,
            }
        };
        // Scheduled first: so it is released after it was held, whoever comes in between. A producer
        // that never holds anything is asked once, for it stays so.
        shared.scheduled.store(true, Ordering::SeqCst);
        if !producer.hold() {
            return;
        }
        if let Some(runtime) = runtime
            && !shared.runs.swap(true, Ordering::AcqRel)
        {
            runtime.spawn(run(Runs(Arc::clone(shared)), Arc::downgrade(producer)));
        }
        shared.wake.notify_one();
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.wake.notify_one();
    }
}

/// Says so when the task ends, be it with its runtime.
struct Runs(Arc<Shared>);

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.scheduled.store(false, Ordering::SeqCst);
        self.0.runs.store(false, Ordering::Release);
    }
}

async fn run(runs: Runs, producer: Weak<dyn Producer>) {
    let shared = &*runs.0;
    loop {
        shared.wake.notified().await;
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        tokio::task::yield_now().await;
        let Some(producer) = producer.upgrade() else {
            return;
        };
        shared.scheduled.store(false, Ordering::SeqCst);
        producer.release();
    }
}
