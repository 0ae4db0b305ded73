//! Rolling restarts under load, on real Kafka.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_rpc::{Client, Code, GroupProtocol, Kafka, Server, ServerBuilder};
use kafka_rpc_tests::broker::{self, Shared};
use kafka_rpc_tests::load;

/// How many restarts. All 32 take a minute: `KAFKA_RPC_LONG=1`.
fn restarts() -> usize {
    if std::env::var_os("KAFKA_RPC_LONG").is_some() {
        32
    } else {
        6
    }
}

/// A service whose every run of a call is counted.
#[kafka_rpc::service]
trait Ledger {
    async fn enter(&self, number: u64);
}

/// How often each call has run, on any server.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<HashMap<u64, u32>>>);

impl Ledger for Book {
    async fn enter(&self, number: u64) {
        *self.0.lock().unwrap().entry(number).or_default() += 1;
    }
}

fn builder(shared: &Shared, prefix: &str, book: &Book, protocol: GroupProtocol) -> ServerBuilder {
    Server::builder(&Kafka::new(shared.bootstrap()).group_protocol(protocol))
        .topic_prefix(prefix)
        .create_topics(load::topics(6))
        .service(LedgerServer::new(book.clone()))
}

async fn serve(shared: &Shared, prefix: &str, book: &Book, protocol: GroupProtocol) -> Server {
    let builder = builder(shared, prefix, book, protocol);
    builder.start().await.unwrap()
}

/// Guarantee: while two servers with quick handlers are restarted one after the other, again and again,
/// no call of 2 s or more fails, and none runs twice.
#[tokio::test(flavor = "multi_thread")]
async fn rolling_restarts_fail_no_call_and_repeat_none() {
    roll(|_| GroupProtocol::Classic).await;
}

/// Guarantee: the same holds under KIP-848.
#[tokio::test(flavor = "multi_thread")]
async fn rolling_restarts_under_kip_848_fail_no_call_and_repeat_none() {
    roll(|_| GroupProtocol::Consumer).await;
}

/// Guarantee: the same holds while a group goes back from KIP-848 to the classic protocol, a server at a
/// time.
#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_to_the_classic_protocol_fails_no_call_and_repeats_none() {
    roll(|server| match server {
        0 | 1 => GroupProtocol::Consumer,
        _ => GroupProtocol::Classic,
    })
    .await;
}

/// Guarantee: a group goes over to KIP-848 once its last classic server has left; until then a server that
/// follows it says what to do. No call of 10 s fails meanwhile, and none runs twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_over_to_kip_848_between_two_servers() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let book = Book::default();
    let mut classic = Vec::new();
    for _ in 0..2 {
        classic.push(serve(&shared, &prefix, &book, GroupProtocol::Classic).await);
    }
    let client = Client::builder(&Kafka::new(shared.bootstrap())).topic_prefix(&prefix);
    let ledger: LedgerClient = client.connect().await.unwrap().attach().await.unwrap();
    let patient = |number| {
        let call = ledger.enter(number).timeout(Duration::from_secs(10));
        tokio::spawn(call)
    };
    patient(0).await.unwrap().unwrap();

    let early = builder(&shared, &prefix, &book, GroupProtocol::Consumer);
    let error = early.start().await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert!(error.message().contains("classic protocol"), "{error}");

    let mut calls: Vec<_> = (1..100).map(patient).collect();
    for (round, server) in (1..).zip(classic) {
        server.shutdown().await.unwrap();
        calls.extend((0..100).map(|call| patient(1_000 * round + call)));
    }
    let mut consumers = Vec::new();
    for _ in 0..2 {
        consumers.push(serve(&shared, &prefix, &book, GroupProtocol::Consumer).await);
    }
    calls.extend((0..100).map(|call| patient(1_000_000 + call)));
    for call in calls {
        call.await.unwrap().unwrap();
    }
    for server in consumers {
        server.shutdown().await.unwrap();
    }
    let repeated = book.0.lock().unwrap();
    let repeated: Vec<_> = repeated.iter().filter(|(_, runs)| **runs > 1).collect();
    assert!(repeated.is_empty(), "run more than once: {repeated:?}");
}

/// Restarts servers in turn, each with the protocol of its number.
async fn roll(protocol: impl Fn(usize) -> GroupProtocol) {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let book = Book::default();
    let mut servers = [
        serve(&shared, &prefix, &book, protocol(0)).await,
        serve(&shared, &prefix, &book, protocol(1)).await,
    ];
    let client = Client::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(&prefix)
        .connect()
        .await
        .unwrap();
    let ledger: LedgerClient = client.attach().await.unwrap();
    ledger
        .enter(u64::MAX)
        .timeout(Duration::from_secs(30))
        .await
        .unwrap();

    let (numbers, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let (ledger, numbers, stop) = (ledger.clone(), Arc::clone(&numbers), Arc::clone(&stop));
            let timeout = Duration::from_secs(if caller % 2 == 0 { 2 } else { 10 });
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = ledger.enter(number).timeout(timeout).await {
                        failed.push(error.to_string());
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                failed
            })
        })
        .collect();
    for restart in 0..restarts() {
        let next = serve(&shared, &prefix, &book, protocol(2 + restart)).await;
        let old = std::mem::replace(&mut servers[restart % 2], next);
        old.shutdown().await.unwrap();
        // The new one has to take its part before the next one goes.
        let entered = numbers.load(Ordering::Relaxed);
        while numbers.load(Ordering::Relaxed) < entered + 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut failed = Vec::new();
    for caller in callers {
        failed.extend(caller.await.unwrap());
    }
    for server in servers {
        server.shutdown().await.unwrap();
    }
    let calls = numbers.load(Ordering::Relaxed);
    let book = book.0.lock().unwrap();
    let repeated: Vec<_> = book.iter().filter(|(_, runs)| **runs > 1).collect();
    println!("{calls} calls over {} restarts", restarts());
    assert!(failed.is_empty(), "{} of {calls}: {failed:?}", failed.len());
    assert!(repeated.is_empty(), "run more than once: {repeated:?}");
}
