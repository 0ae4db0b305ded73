use std::sync::{Mutex, mpsc};
use std::thread::{self, ThreadId};

use crate::transport::Delivery;
use crate::transport::kafka::producer::handle::*;
use crate::transport::kafka::tests::{Bed, record};

/// On which threads records were said not to be in the log.
#[derive(Default)]
struct Threads(Mutex<Vec<ThreadId>>);

impl DeliverySink for Threads {
    fn delivered(&self, _: u64, delivery: Delivery) {
        assert!(!matches!(delivery, Delivery::Persisted));
        lock(&self.0).push(thread::current().id());
    }
}

/// The destruction of a client ends the records that it still has: that tells where it happens.
#[test]
fn a_client_that_a_caller_still_uses_when_it_is_replaced_is_destroyed_by_its_own_thread() {
    let bed = Bed::embedded();
    let topic = bed.topic(1);
    let cluster = bed.kafka.0.embedded().expect("embedded").client();
    let cluster = cluster.mock_cluster().expect("a mock");
    cluster.broker_down(-1).expect("goes down");
    let sink = Arc::new(Threads::default());
    let shared = Arc::new(Shared::new(
        &bed.kafka.0,
        Duplicates::Never,
        Arc::clone(&sink) as _,
    ));
    let mut keeper = Keeper::new();
    let client = connect(&bed.kafka.0, &shared, &mut keeper).expect("a client");
    shared.set_client(Some(client));
    shared
        .produce(&record(&topic, 0, b"value"), 1)
        .expect("taken");

    let (found, waits) = mpsc::channel();
    let (let_go, used) = mpsc::channel::<()>();
    let caller = thread::spawn({
        let shared = Arc::clone(&shared);
        move || {
            let client = shared.client();
            found.send(()).expect("the test waits");
            let _ = used.recv();
            drop(client);
        }
    });
    waits.recv().expect("the caller has the client");
    shared.set_client(None);
    keeper.destroy_unused();
    drop(let_go);
    caller.join().expect("the caller ends");
    assert!(lock(&sink.0).is_empty(), "neither in use nor by its user");
    keeper.destroy_all();
    assert_eq!(*lock(&sink.0), [thread::current().id()]);
}
