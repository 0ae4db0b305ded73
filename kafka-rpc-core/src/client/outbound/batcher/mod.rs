//! Batches the commands that are issued in one pass of the scheduler.
//!
//! When a batch of replies comes, the tasks that waited for them are woken one after another, and
//! most of them call again. Were each command sent at once, the first few would make a request of
//! their own, and all others would wait until the broker has answered it. So while several calls are
//! in flight, the producer holds commands back until the runtime has nothing else to do: a task is
//! scheduled, lets every other task go first, and releases what was held.
//!
//! # The task
//!
//! One task serves a client. The first caller that finds none starts it on its own runtime. When
//! that runtime is shut down, the task is dropped and releases what is held; the next caller within a
//! runtime starts another. A runtime that lives on although nobody drives it any more neither runs
//! the task nor drops it. Then nothing is batched until it is driven again or dropped. Nothing is
//! held for ever either: a producer holds records back for some milliseconds at most.

#[cfg(all(test, kafka_rpc_loom))]
mod models;
#[cfg(all(test, not(kafka_rpc_loom)))]
mod tests;

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;

use crate::transport::{BoxFuture, Producer};
use crate::util::sync::Notify;
use crate::util::sync::atomic::{AtomicBool, Ordering};

/// With fewer calls in flight nothing is held back.
const MIN_IN_FLIGHT_TO_BATCH: usize = 8;

/// Has the producer hold commands back for a moment. Dropping it ends its task.
#[derive(Default)]
pub(in crate::client) struct Batcher(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// There is a task.
    started: AtomicBool,
    /// The task is about to release what is held.
    scheduled: AtomicBool,
    closed: AtomicBool,
    wake: Notify,
}

impl Batcher {
    /// A command is about to be produced, with so many calls in flight.
    pub(in crate::client) fn on_send(&self, in_flight: usize, producer: &Arc<dyn Producer>) {
        self.on_send_within(in_flight, producer, || {
            // Where there is no runtime, threads block, one for each call.
            let runtime = Handle::try_current().ok()?;
            Some(move |task| drop(runtime.spawn(task)))
        });
    }

    /// The same, with the runtime that this thread is in, if any: something that starts tasks.
    fn on_send_within<Spawn: FnOnce(BoxFuture<()>)>(
        &self,
        in_flight: usize,
        producer: &Arc<dyn Producer>,
        runtime: impl Fn() -> Option<Spawn>,
    ) {
        let shared = &self.0;
        if in_flight < MIN_IN_FLIGHT_TO_BATCH || shared.scheduled.load(Ordering::Relaxed) {
            return;
        }
        if !shared.started.load(Ordering::Relaxed) && runtime().is_none() {
            return;
        }
        // Scheduled first: so it is released after it was held, whoever comes in between. A producer
        // that never holds anything is asked once, for it stays so.
        shared.scheduled.store(true, Ordering::SeqCst);
        if !producer.hold() {
            return;
        }
        // Looked at after the holding: a task that ends says so before it releases. So either it
        // releases this, or there is none any more, and another is started.
        if !shared.started.swap(true, Ordering::SeqCst) {
            let task = Task {
                shared: Arc::clone(shared),
                producer: Arc::downgrade(producer),
            };
            // Where the only task has just ended, there may be no runtime for another. Then dropping
            // it releases what is held.
            if let Some(spawn) = runtime() {
                spawn(Box::pin(task.run()));
            }
        }
        shared.wake.notify_one();
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.wake.notify_one();
    }
}

/// What releases the commands. However it ends, even with its runtime, it leaves none behind.
struct Task {
    shared: Arc<Shared>,
    producer: Weak<dyn Producer>,
}

impl Task {
    async fn run(self) {
        let shared = &*self.shared;
        loop {
            shared.wake.notified().await;
            if shared.closed.load(Ordering::SeqCst) {
                return;
            }
            tokio::task::yield_now().await;
            let Some(producer) = self.producer.upgrade() else {
                return;
            };
            // In this order: whoever finds it scheduled holds nothing after the release.
            shared.scheduled.store(false, Ordering::SeqCst);
            producer.release();
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // In this order; see `on_send`.
        self.shared.started.store(false, Ordering::SeqCst);
        self.shared.scheduled.store(false, Ordering::SeqCst);
        if let Some(producer) = self.producer.upgrade() {
            producer.release();
        }
    }
}
