//! Callers who hold commands back against the task that releases them.
//!
//! The producer is the real one but for librdkafka: what is held, and what is let go when, is its.
//! Each model says which orders in the code it pins: turn one round, and the model fails.

use super::*;
use crate::transport::Duplicates;
use crate::transport::kafka::producer::inflight::models::ModelProducer;
use crate::util::lock_order::PARKED_THREAD;
use crate::util::park;
use crate::util::sync::model::{check, thread};
use crate::util::sync::{Mutex, lock};

type Threads = Arc<Mutex<Vec<thread::JoinHandle<()>>, PARKED_THREAD>>;

/// A client that sends, on a runtime that is a thread for each task.
#[derive(Clone)]
struct Model {
    batcher: Arc<Batcher>,
    model: Arc<ModelProducer>,
    producer: Arc<dyn Producer>,
    tasks: Threads,
}

impl Model {
    fn new() -> Self {
        let model = ModelProducer::new(Duplicates::Harmless);
        Self {
            batcher: Arc::default(),
            producer: Arc::clone(&model) as _,
            model,
            tasks: Arc::default(),
        }
    }

    /// Sends a command on a runtime that does so with the batcher's task.
    fn send(&self, token: u64, run: fn(BoxFuture<()>)) {
        self.batcher
            .on_send_within(MIN_IN_FLIGHT_TO_BATCH, &self.producer, || {
                Some(move |task| lock(&*self.tasks).push(thread::spawn(move || run(task))))
            });
        self.model.send(token);
    }

    /// Waits for the tasks that were started so far.
    fn join_tasks(&self) {
        let tasks = std::mem::take(&mut *lock(&*self.tasks));
        for task in tasks {
            task.join().unwrap();
        }
    }

    fn is_scheduled(&self) -> bool {
        self.batcher.0.scheduled.load(Ordering::SeqCst)
    }
}

fn drive(task: BoxFuture<()>) {
    park::block_on(task);
}

fn shut_down(task: BoxFuture<()>) {
    drop(task);
}

/// What is held back is released by the task, which serves all callers, and nothing stays held.
///
/// Pins that a command is scheduled before the producer holds, and the task woken after that
/// (`on_send`); and that the task takes the schedule back before it releases (`run`).
#[test]
fn what_is_held_back_is_released() {
    check(2, || {
        let model = Model::new();
        let other = thread::spawn({
            let model = model.clone();
            move || model.send(1, drive)
        });
        model.send(2, drive);
        // Before the batcher is dropped, which would release them, too.
        model.model.wait_for(2);
        other.join().unwrap();
        let Model {
            batcher,
            model,
            producer: _producer,
            tasks,
        } = model;
        drop(batcher);
        let tasks = std::mem::take(&mut *lock(&*tasks));
        assert_eq!(tasks.len(), 1, "one task serves all callers");
        for task in tasks {
            task.join().unwrap();
        }
        model.assert_sent(&[1, 2]);
    });
}

/// A runtime that is shut down, with the task, leaves nothing held, and the next caller starts
/// another task.
///
/// Pins that a caller looks for the task after the holding (`on_send`), and that a task that ends
/// says so before it takes the schedule back and releases (`Drop`).
#[test]
fn a_runtime_that_is_gone_does_not_end_the_batching() {
    check(3, || {
        let model = Model::new();
        model.send(1, shut_down);
        // While the first runtime is shut down, or after that.
        model.send(2, shut_down);
        model.join_tasks();
        model.model.assert_sent(&[1, 2]);
        assert!(!model.is_scheduled(), "nobody would be held back any more");
        let holds = model.model.holds();
        model.send(3, drive);
        assert_eq!(model.model.holds(), holds + 1);
        model.model.wait_for(3);
        let Model { batcher, tasks, .. } = model;
        drop(batcher);
        for task in std::mem::take(&mut *lock(&*tasks)) {
            task.join().unwrap();
        }
    });
}

/// A batcher that is dropped ends its task, which releases what is held.
///
/// Pins that the batcher says that it is closed before it wakes the task.
#[test]
fn the_task_ends_with_the_batcher() {
    check(3, || {
        let model = Model::new();
        model.send(1, drive);
        let Model {
            batcher,
            model,
            producer: _producer,
            tasks,
        } = model;
        drop(batcher);
        for task in std::mem::take(&mut *lock(&*tasks)) {
            task.join().unwrap();
        }
        model.assert_sent(&[1]);
    });
}
