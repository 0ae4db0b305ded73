//! Nothing begins long after its deadline, on real Kafka: not after a stall of the broker, and not
//! after a rebalance that takes long.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_rpc::{Client, Kafka, Server};
use kafka_rpc_tests::broker::{self, Broker};
use kafka_rpc_tests::load;

/// A server's allowance, and what a busy machine may take to start a handler.
const ALLOWANCE: Duration = Duration::from_millis(1_250);

#[kafka_rpc::service]
trait Deadlines {
    /// Notes how long after its deadline it begins: so long after the test's start.
    async fn begin(&self, deadline_us: u64);

    /// Takes so long.
    async fn sleep(&self, ms: u64);
}

/// What began when.
#[derive(Clone)]
struct Watch {
    start: Instant,
    began: Arc<AtomicU64>,
    late: Arc<Mutex<Vec<Duration>>>,
}

impl Watch {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            began: Arc::default(),
            late: Arc::default(),
        }
    }

    fn worst(&self) -> Duration {
        self.late
            .lock()
            .unwrap()
            .iter()
            .max()
            .copied()
            .unwrap_or_default()
    }
}

impl Deadlines for Watch {
    async fn begin(&self, deadline_us: u64) {
        self.began.fetch_add(1, Ordering::Relaxed);
        let late = self
            .start
            .elapsed()
            .saturating_sub(Duration::from_micros(deadline_us));
        if !late.is_zero() {
            self.late.lock().unwrap().push(late);
        }
    }

    async fn sleep(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

async fn serve(kafka: &Kafka, prefix: &str, watch: &Watch) -> Server {
    Server::builder(kafka)
        .topic_prefix(prefix)
        .create_topics(load::topics(6))
        .service(DeadlinesServer::new(watch.clone()))
        .start()
        .await
        .unwrap()
}

async fn attach(kafka: &Kafka, prefix: &str) -> DeadlinesClient {
    Client::builder(kafka)
        .topic_prefix(prefix)
        .create_topics(load::topics(6))
        .connect()
        .await
        .unwrap()
        .attach()
        .await
        .unwrap()
}

/// Two clients' calls with several timeouts, until it is dropped.
struct Calls(Arc<AtomicBool>);

impl Calls {
    async fn start(kafka: &Kafka, prefix: &str, watch: &Watch) -> Self {
        let stop = Arc::<AtomicBool>::default();
        for _ in 0..2 {
            let client = attach(kafka, prefix).await;
            for partition in 0..6 {
                let warm = client.begin(u64::MAX).partition(partition);
                warm.timeout(Duration::from_secs(30)).await.unwrap();
            }
            let (stop, start) = (Arc::clone(&stop), watch.start);
            tokio::spawn(async move {
                for call in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let timeout = [200, 500, 2_000, 10_000][usize::try_from(call % 4).unwrap()];
                    let timeout = Duration::from_millis(timeout);
                    let deadline = (start.elapsed() + timeout).as_micros();
                    let call = client.begin(deadline.try_into().unwrap()).timeout(timeout);
                    // Most of those in a stall fail, as they should.
                    tokio::spawn(async move { drop(call.await) });
                    tokio::time::sleep(Duration::from_millis(7)).await;
                }
            });
        }
        Self(stop)
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until so many more have begun: calls go on.
async fn go_on(watch: &Watch, more: u64) {
    let until = Instant::now() + Duration::from_secs(60);
    let began = watch.began.load(Ordering::Relaxed);
    while watch.began.load(Ordering::Relaxed) < began + more {
        assert!(Instant::now() < until, "calls don't go on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn check(watch: &Watch) {
    let late = watch.late.lock().unwrap().len();
    let began = watch.began.load(Ordering::Relaxed);
    let worst = watch.worst();
    println!("of {began} handlers {late} began after their deadlines, by {worst:?} at most");
    assert!(worst <= ALLOWANCE, "{worst:?}");
}

/// Guarantee: after a pause of the broker that is shorter than a session, which only delays records,
/// no expired command is run.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_the_broker_makes_no_command_younger() {
    let Some(mut broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let kafka = Kafka::new(broker.bootstrap());
    let watch = Watch::new();
    let server = serve(&kafka, "", &watch).await;
    let calls = Calls::start(&kafka, "", &watch).await;
    go_on(&watch, 200).await;
    for _ in 0..2 {
        broker.pause();
        // As long as the broker is to be away.
        tokio::time::sleep(Duration::from_secs(4)).await;
        broker.resume();
        go_on(&watch, 500).await;
    }
    drop(calls);
    check(&watch);
    server.shutdown().await.unwrap();
}

/// Guarantee: a revocation that waits 8 s for a handler, and holds up every partition of the member,
/// has no expired command run.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_revocation_makes_no_command_younger() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let kafka = Kafka::new(shared.bootstrap());
    let watch = Watch::new();
    let first = serve(&kafka, &prefix, &watch).await;
    let calls = Calls::start(&kafka, &prefix, &watch).await;
    let slow = attach(&kafka, &prefix).await;
    for partition in 0..6 {
        let call = slow.sleep(8_000).partition(partition);
        tokio::spawn(async move { drop(call.timeout(Duration::from_secs(30)).await) });
    }
    go_on(&watch, 200).await;
    let before = Instant::now();
    let second = serve(&kafka, &prefix, &watch).await;
    while before.elapsed() < Duration::from_secs(8) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    go_on(&watch, 500).await;
    drop(calls);
    check(&watch);
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
}
