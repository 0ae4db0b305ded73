//! Clients, servers and clocks in memory, in virtual time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_rpc::testing::{MemoryBroker, MemoryNode};
use kafka_rpc::{Client, RpcError, Server};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How long after its deadline a command may begin.
const LATEST: Duration = Duration::from_secs(1);

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR_MS: i64 = 3_600_000;

#[kafka_rpc::service]
pub(crate) trait Deadlines {
    /// Notes how long after its deadline it begins: so long after the test's start.
    async fn begin(&self, deadline_us: u64);

    /// The same without an answer.
    #[rpc(oneway)]
    async fn note(&self, deadline_us: u64);
}

/// What began, and how late.
#[derive(Clone)]
pub(crate) struct Watch {
    start: Instant,
    began: Arc<AtomicU64>,
    late: Arc<Mutex<Vec<Duration>>>,
}

impl Watch {
    pub(crate) fn deadline(&self, timeout: Duration) -> u64 {
        let deadline = self.start.elapsed() + timeout;
        deadline.as_micros().try_into().unwrap()
    }

    pub(crate) fn began(&self) -> u64 {
        self.began.load(Ordering::Relaxed)
    }
}

impl Deadlines for Watch {
    async fn begin(&self, deadline_us: u64) {
        self.began.fetch_add(1, Ordering::Relaxed);
        let deadline = Duration::from_micros(deadline_us);
        let late = self.start.elapsed().saturating_sub(deadline);
        self.late.lock().unwrap().push(late);
    }

    async fn note(&self, deadline_us: u64) {
        self.begin(deadline_us).await;
    }
}

/// A broker, and what all servers of a test do.
pub(crate) struct Sim {
    pub(crate) broker: MemoryBroker,
    pub(crate) watch: Watch,
}

impl Sim {
    pub(crate) fn new() -> Self {
        let broker = MemoryBroker::new();
        broker.create_topic("Deadlines.commands", 6).unwrap();
        broker.create_topic("Deadlines.results", 1).unwrap();
        Self {
            broker,
            watch: Watch {
                start: Instant::now(),
                began: Arc::default(),
                late: Arc::default(),
            },
        }
    }

    /// A process whose clock is so far ahead.
    pub(crate) fn node(&self, name: &str, ahead_ms: i64) -> MemoryNode {
        let node = self.broker.node(name);
        node.set_wall_offset_ms(ahead_ms);
        node
    }

    pub(crate) async fn serve(&self, node: &MemoryNode) -> Server {
        Server::builder(node)
            .service(DeadlinesServer::new(self.watch.clone()))
            .start()
            .await
            .unwrap()
    }

    pub(crate) async fn client(&self, node: &MemoryNode) -> (Client, DeadlinesClient) {
        let client = Client::connect(node).await.unwrap();
        let deadlines = client.attach().await.unwrap();
        (client, deadlines)
    }

    /// Nothing began too late.
    #[track_caller]
    pub(crate) fn check(&self) {
        let worst = self.watch.late.lock().unwrap().iter().max().copied();
        assert!(worst.unwrap() <= LATEST, "{worst:?} late");
    }
}

/// Waits for a condition, for a minute at most.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < MINUTE, "never came true");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Calls at a steady rate.
pub(crate) struct Calls {
    running: JoinSet<(Duration, Result<(), RpcError>)>,
}

impl Calls {
    /// Ten calls of several timeouts in each of so many tenths of a second.
    pub(crate) async fn of(sim: &Sim, client: &DeadlinesClient, tenths: u32) -> Self {
        let mut calls = Self {
            running: JoinSet::new(),
        };
        calls.add(sim, client, tenths).await;
        calls
    }

    pub(crate) async fn add(&mut self, sim: &Sim, client: &DeadlinesClient, tenths: u32) {
        for _ in 0..tenths {
            let next = Instant::now() + Duration::from_millis(100);
            for timeout_ms in [300, 1_000, 3_000, 10_000, 60_000].repeat(2) {
                let timeout = Duration::from_millis(timeout_ms);
                let call = client.begin(sim.watch.deadline(timeout)).timeout(timeout);
                self.running.spawn(async move { (timeout, call.await) });
            }
            sleep_until(next).await;
        }
    }

    /// Every call that waits longer than `stall` is answered.
    pub(crate) async fn all_answered_but(self, stall: Duration) -> usize {
        let ended = self.running.join_all().await;
        for (timeout, result) in &ended {
            assert!(
                result.is_ok() || *timeout <= stall,
                "{timeout:?}: {result:?}"
            );
        }
        ended.len()
    }

    pub(crate) async fn all_answered(self) -> usize {
        self.all_answered_but(Duration::ZERO).await
    }
}
