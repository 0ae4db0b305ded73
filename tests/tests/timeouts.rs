//! A hundred thousand timeouts leave nothing behind.
//!
//! The one test of its process, since it counts the live heap bytes.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use kafka_rpc::{Client, Code, Kafka};
use kafka_rpc_tests::allocations::Counting;
use kafka_rpc_tests::broker;
use kafka_rpc_tests::load::{self, LoadClient};

#[global_allocator]
static HEAP: Counting = Counting::new();

/// As many calls as fit at once, to nobody.
async fn time_out(load: &LoadClient, calls: usize) {
    let pending: Vec<_> = (0..calls)
        .map(|_| load.echo(vec![0; 16]).timeout(Duration::from_millis(500)))
        .map(|call| tokio::spawn(async move { call.await.unwrap_err().code() }))
        .collect();
    for call in pending {
        assert_eq!(call.await.unwrap(), Code::DeadlineExceeded);
    }
}

/// Guarantee: a call that times out leaves no entry, no timer and no heap behind. On real Kafka,
/// since there the memory of the client's own broker doesn't count.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_timeouts_leave_nothing_behind() {
    let Some(shared) = broker::shared() else {
        return;
    };
    HEAP.begin();
    let names = shared.topics();
    let client = Client::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(names.name(""))
        .create_topics(load::topics(1))
        .connect()
        .await
        .unwrap();
    let load: LoadClient = client.attach().await.unwrap();
    // The first wave grows what is kept: the runtime's queues and the registry's small table.
    time_out(&load, 10_000).await;
    let before = HEAP.count().live_bytes;
    for _ in 0..10 {
        time_out(&load, 10_000).await;
    }
    let stats = client.stats();
    assert_eq!((stats.expired, stats.in_flight), (110_000, 0));
    let after = HEAP.count().live_bytes;
    println!("live heap bytes: {before} before, {after} after 100,000 timeouts");
    // What is kept for the next burst is bounded, and as large as the largest burst so far has left it.
    // An entry or a timer that stayed behind would be tens of bytes a call.
    assert!(after <= before + 4 * 100_000, "{before} grew to {after}");
}
