use std::sync::Mutex;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::transport::{Record, TopicsSink, TransportError, Watch};
use crate::util::sync::lock;

/// How often a producer was told to hold, and to release.
#[derive(Default)]
struct Told(Mutex<(usize, usize)>);

impl Producer for Told {
    fn produce(&self, _: Record<'_>, _: u64) -> Result<(), TransportError> {
        Ok(())
    }

    fn hold(&self) -> bool {
        lock(&self.0).0 += 1;
        true
    }

    fn release(&self) {
        lock(&self.0).1 += 1;
    }

    fn watch(&self, _: Duration, _: Arc<dyn TopicsSink>) -> Result<Box<dyn Watch>, TransportError> {
        unreachable!("a batcher watches no topics")
    }

    fn flush(&self, _: Duration) -> BoxFuture<()> {
        Box::pin(async {})
    }
}

struct Fixture {
    batcher: Batcher,
    told: Arc<Told>,
    producer: Arc<dyn Producer>,
}

impl Fixture {
    fn new() -> Self {
        let told = Arc::<Told>::default();
        Self {
            batcher: Batcher::default(),
            producer: Arc::clone(&told) as _,
            told,
        }
    }

    fn send(&self) {
        self.batcher.on_send(MIN_IN_FLIGHT_TO_BATCH, &self.producer);
    }

    fn told(&self) -> (usize, usize) {
        *lock(&self.told.0)
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// Lets every task that is ready run, the batcher's last.
async fn pass() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn commands_of_one_pass_are_held_once_and_released_once() {
    let f = Fixture::new();
    runtime().block_on(async {
        for round in 1..=3 {
            f.send();
            f.send();
            assert_eq!(f.told(), (round, round - 1));
            pass().await;
            assert_eq!(f.told(), (round, round));
        }
    });
}

#[test]
fn few_calls_are_not_held_back() {
    let f = Fixture::new();
    runtime().block_on(async {
        f.batcher.on_send(MIN_IN_FLIGHT_TO_BATCH - 1, &f.producer);
    });
    assert_eq!(f.told(), (0, 0));
}

#[test]
fn threads_without_a_runtime_hold_nothing_back() {
    let f = Fixture::new();
    f.send();
    assert_eq!(f.told(), (0, 0));
}

#[test]
fn a_runtime_that_is_gone_is_followed_by_another() {
    let f = Fixture::new();
    for round in 1..=3 {
        let runtime = runtime();
        runtime.block_on(async { f.send() });
        assert_eq!(f.told(), (round, round - 1), "nothing ran after it");
        drop(runtime);
        assert_eq!(f.told(), (round, round), "the end of the task releases");
    }
}

#[test]
fn a_plain_thread_uses_the_task_that_is_there() {
    let f = Fixture::new();
    let runtime = runtime();
    runtime.block_on(async {
        f.send();
        pass().await;
    });
    f.send();
    assert_eq!(f.told(), (2, 1));
    runtime.block_on(pass());
    assert_eq!(f.told(), (2, 2));
}

#[test]
fn the_task_ends_with_the_batcher() {
    let Fixture {
        batcher,
        told,
        producer,
    } = Fixture::new();
    runtime().block_on(async {
        batcher.on_send(MIN_IN_FLIGHT_TO_BATCH, &producer);
        let shared = Arc::clone(&batcher.0);
        drop(batcher);
        pass().await;
        assert!(!shared.started.load(Ordering::SeqCst));
    });
    assert_eq!(*lock(&told.0), (1, 1), "and leaves nothing behind");
}
