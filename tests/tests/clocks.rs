//! Deadlines hold however the clocks stand: nothing begins more than a second after its deadline, and no
//! call with time left is dropped. In memory, in virtual time.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_rpc::testing::{MemoryBroker, MemoryNode};
use kafka_rpc::{Client, Code, Outcome, RpcError, Server};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How long after its deadline a command may begin.
const LATEST: Duration = Duration::from_secs(1);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR_MS: i64 = 3_600_000;

#[kafka_rpc::service]
trait Deadlines {
    /// Notes how long after its deadline it begins: so long after the test's start.
    async fn begin(&self, deadline_us: u64);

    /// The same without an answer.
    #[rpc(oneway)]
    async fn note(&self, deadline_us: u64);
}

/// What began, and how late.
#[derive(Clone)]
struct Watch {
    start: Instant,
    began: Arc<AtomicU64>,
    late: Arc<Mutex<Vec<Duration>>>,
}

impl Watch {
    fn deadline(&self, timeout: Duration) -> u64 {
        let deadline = self.start.elapsed() + timeout;
        deadline.as_micros().try_into().unwrap()
    }

    fn began(&self) -> u64 {
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
struct Sim {
    broker: MemoryBroker,
    watch: Watch,
}

impl Sim {
    fn new() -> Self {
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
    fn node(&self, name: &str, ahead_ms: i64) -> MemoryNode {
        let node = self.broker.node(name);
        node.set_wall_offset_ms(ahead_ms);
        node
    }

    async fn serve(&self, node: &MemoryNode) -> Server {
        Server::builder(node)
            .service(DeadlinesServer::new(self.watch.clone()))
            .start()
            .await
            .unwrap()
    }

    async fn client(&self, node: &MemoryNode) -> (Client, DeadlinesClient) {
        let client = Client::connect(node).await.unwrap();
        let deadlines = client.attach().await.unwrap();
        (client, deadlines)
    }

    /// Nothing began too late.
    #[track_caller]
    fn check(&self) {
        let worst = self.watch.late.lock().unwrap().iter().max().copied();
        assert!(worst.unwrap() <= LATEST, "{worst:?} late");
    }
}

/// Waits for a condition, for a minute at most.
async fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < MINUTE, "never came true");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Calls at a steady rate.
struct Calls {
    running: JoinSet<(Duration, Result<(), RpcError>)>,
}

impl Calls {
    /// Ten calls of several timeouts in each of so many tenths of a second.
    async fn of(sim: &Sim, client: &DeadlinesClient, tenths: u32) -> Self {
        let mut calls = Self {
            running: JoinSet::new(),
        };
        calls.add(sim, client, tenths).await;
        calls
    }

    async fn add(&mut self, sim: &Sim, client: &DeadlinesClient, tenths: u32) {
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
    async fn all_answered_but(self, stall: Duration) -> usize {
        let ended = self.running.join_all().await;
        for (timeout, result) in &ended {
            assert!(
                result.is_ok() || *timeout <= stall,
                "{timeout:?}: {result:?}"
            );
        }
        ended.len()
    }

    async fn all_answered(self) -> usize {
        self.all_answered_but(Duration::ZERO).await
    }
}

/// Guarantee: whatever a client's clock says at first, its calls run; and when it is set, they go on.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_off_at_first_and_is_set_loses_no_call() {
    for off_ms in [30_000, -30_000, 50 * 60_000, -50 * 60_000] {
        let sim = Sim::new();
        let server = sim.serve(&sim.node("server", 0)).await;
        let node = sim.node("client", off_ms);
        let (client, deadlines) = sim.client(&node).await;
        let mut calls = Calls::of(&sim, &deadlines, 20).await;
        node.set_wall_offset_ms(0);
        calls.add(&sim, &deadlines, 20).await;
        assert_eq!(calls.all_answered().await, 400);
        sim.check();
        let (stats, resent) = (server.stats(), client.stats().resent);
        assert_eq!(stats.clock_answers, resent);
        assert!((1..=60).contains(&resent), "{resent}");
        assert_eq!(
            (client.stats().answered, client.stats().in_flight),
            (400, 0)
        );
        assert_eq!(client.stats().started, 400);
    }
}

/// Guarantee: steps of a client's clock change nothing once a server has answered.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_stepped_every_minute_loses_no_call() {
    let sim = Sim::new();
    let server = sim.serve(&sim.node("server", 0)).await;
    let node = sim.node("client", 0);
    let (client, deadlines) = sim.client(&node).await;
    let mut calls = Calls::of(&sim, &deadlines, 5).await;
    for minute in 0..10 {
        node.set_wall_offset_ms(if minute % 2 == 0 { 30_000 } else { -30_000 });
        calls.add(&sim, &deadlines, 3).await;
        sleep(MINUTE).await;
    }
    calls.all_answered().await;
    sim.check();
    assert_eq!(
        (client.stats().resent, server.stats().clock_answers),
        (0, 0)
    );
    assert_eq!(server.stats().expired, 0);
}

/// Guarantee: a server's clock may be wrong, and may be set while it runs.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_off_and_is_stepped_loses_no_call() {
    for off_ms in [HOUR_MS, -HOUR_MS] {
        let sim = Sim::new();
        let node = sim.node("server", off_ms);
        let server = sim.serve(&node).await;
        let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
        let mut calls = Calls::of(&sim, &deadlines, 5).await;
        let first_contact = client.stats().resent;
        assert!(first_contact > 0);
        for step_ms in [30_000, 0, -30_000, 2 * HOUR_MS] {
            node.set_wall_offset_ms(off_ms + step_ms);
            calls.add(&sim, &deadlines, 5).await;
            sleep(MINUTE).await;
        }
        calls.all_answered().await;
        sim.check();
        assert_eq!(client.stats().resent, first_contact);
        assert_eq!(server.stats().clock_answers, first_contact);
    }
}

/// Guarantee: partitions may move between servers whose clocks are 30 s apart.
#[tokio::test(start_paused = true)]
async fn servers_that_differ_and_take_turns_lose_no_call() {
    let sim = Sim::new();
    let mut servers = vec![sim.serve(&sim.node("right", 0)).await];
    let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
    let mut calls = Calls::of(&sim, &deadlines, 5).await;
    for turn in 0..6_i64 {
        let ahead_ms = [30_000, -30_000, 0][usize::try_from(turn % 3).unwrap()];
        let node = sim.node("next", ahead_ms);
        servers.push(sim.serve(&node).await);
        calls.add(&sim, &deadlines, 10).await;
        servers.remove(0).shutdown().await.unwrap();
        calls.add(&sim, &deadlines, 10).await;
    }
    calls.all_answered().await;
    sim.check();
    assert!(client.stats().resent > 0);
}

/// Guarantee: after a stall of 45 s nothing of the backlog runs too late, what has time left runs, and
/// nobody's clock is thought to be off.
#[tokio::test(start_paused = true)]
async fn a_stall_makes_no_command_younger() {
    for off_ms in [0, 30_000, -50 * 60_000] {
        let sim = Sim::new();
        let server = sim.serve(&sim.node("server", 0)).await;
        let (client, deadlines) = sim.client(&sim.node("client", off_ms)).await;
        Calls::of(&sim, &deadlines, 5).await.all_answered().await;
        let resent = client.stats().resent;
        sim.broker.faults().hold("Deadlines.commands").unwrap();
        let began = sim.watch.began();
        let calls = Calls::of(&sim, &deadlines, 450).await;
        assert_eq!(sim.watch.began(), began);
        sim.broker.faults().release("Deadlines.commands").unwrap();
        calls.all_answered_but(Duration::from_secs(45)).await;
        sim.check();
        // 20 with 60 s for each second, and those that were just sent.
        let ran = sim.watch.began() - began;
        assert!((900..1_300).contains(&ran), "{ran}");
        Calls::of(&sim, &deadlines, 5).await.all_answered().await;
        assert_eq!(client.stats().resent, resent);
        assert!(server.stats().clock_answers <= resent + 500);
    }
}

/// Guarantee: a client that is first heard of in a stall is treated like others; and its clock may be
/// wrong, if it has time left.
#[tokio::test(start_paused = true)]
async fn first_contact_in_a_stall_is_first_contact() {
    let sim = Sim::new();
    let _server = sim.serve(&sim.node("server", 0)).await;
    let (_, known) = sim.client(&sim.node("known", 0)).await;
    Calls::of(&sim, &known, 5).await.all_answered().await;
    sim.broker.faults().hold("Deadlines.commands").unwrap();
    let mut all = vec![Calls::of(&sim, &known, 20).await];
    for off_ms in [0, 900, -900] {
        let (_, deadlines) = sim.client(&sim.node("new", off_ms)).await;
        all.push(Calls::of(&sim, &deadlines, 2).await);
    }
    let (_, late) = sim.client(&sim.node("off", -50 * 60_000)).await;
    let mut patient = JoinSet::new();
    for _ in 0..50 {
        let call = late.begin(sim.watch.deadline(MINUTE)).timeout(MINUTE);
        patient.spawn(call);
    }
    sleep(Duration::from_secs(20)).await;
    sim.broker.faults().release("Deadlines.commands").unwrap();
    for calls in all {
        calls.all_answered_but(Duration::from_secs(23)).await;
    }
    for answered in patient.join_all().await {
        answered.unwrap();
    }
    sim.check();
}

/// Guarantee: the type of the records' timestamps doesn't matter once a server has answered.
#[tokio::test(start_paused = true)]
async fn with_log_append_time_deadlines_hold() {
    let sim = Sim::new();
    sim.broker
        .set_log_append_time("Deadlines.commands")
        .unwrap();
    let server = sim.serve(&sim.node("server", HOUR_MS)).await;
    let (client, deadlines) = sim.client(&sim.node("client", -HOUR_MS)).await;
    let mut calls = Calls::of(&sim, &deadlines, 10).await;
    sim.broker.faults().hold("Deadlines.commands").unwrap();
    calls.add(&sim, &deadlines, 50).await;
    sim.broker.faults().release("Deadlines.commands").unwrap();
    calls.all_answered_but(Duration::from_secs(5)).await;
    sim.check();
    assert!(client.stats().resent > 0);
    assert!(server.stats().expired > 100);
}

/// Guarantee: a one-way call of a client whose clock is off runs, since the client first asks for the
/// server's clock.
#[tokio::test(start_paused = true)]
async fn a_one_way_call_runs_however_the_clocks_stand() {
    for off_ms in [0, 30_000, -30_000, HOUR_MS] {
        let sim = Sim::new();
        let server = sim.serve(&sim.node("server", off_ms)).await;
        let (_, deadlines) = sim.client(&sim.node("client", 0)).await;
        for _ in 0..100 {
            let timeout = Duration::from_secs(5);
            let call = deadlines.note(sim.watch.deadline(timeout)).timeout(timeout);
            let began = Instant::now();
            call.await.unwrap();
            assert!(began.elapsed() < Duration::from_millis(50));
        }
        until(|| sim.watch.began() == 100).await;
        sim.check();
        assert_eq!(server.stats().clock_answers, 1, "{off_ms}");
        assert_eq!(server.stats().refused(Code::Unimplemented), 0);
    }
}

/// Guarantee: where nobody answers, a one-way call waits no longer than 250 ms, and further ones don't.
#[tokio::test(start_paused = true)]
async fn a_one_way_call_waits_for_no_server() {
    let sim = Sim::new();
    let (_, deadlines) = sim.client(&sim.node("client", 0)).await;
    for (call, most_ms) in [260, 10, 10].into_iter().enumerate() {
        let began = Instant::now();
        deadlines.note(u64::MAX).partition(0).await.unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_millis(most_ms), "{call}: {took:?}");
    }
    let _server = sim.serve(&sim.node("server", 0)).await;
    until(|| sim.watch.began() == 3).await;
}

/// Guarantee: a call whose second attempt, too, seems to be of another time ends at once and says so.
#[tokio::test(start_paused = true)]
async fn a_call_is_sent_again_once() {
    let sim = Sim::new();
    let server = sim.serve(&sim.node("server", HOUR_MS)).await;
    let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
    let first = deadlines.begin(u64::MAX).partition(0).with_metadata().await;
    assert_eq!(first.unwrap().attempt, 2);
    assert_eq!(client.stats().resent, 1);
    let second = deadlines.begin(u64::MAX).partition(0).with_metadata().await;
    assert_eq!(second.unwrap().attempt, 1);

    // The second attempt of this one, of a client that knows nothing, comes to a server with another
    // clock than the first.
    let (client, deadlines) = sim.client(&sim.node("client", 0)).await;
    let faults = sim.broker.faults();
    faults.hold("Deadlines.commands").unwrap();
    let timeout = Duration::from_secs(30);
    let call = tokio::spawn(deadlines.begin(u64::MAX).partition(1).timeout(timeout));
    sleep(Duration::from_millis(10)).await;
    faults.let_through("Deadlines.commands", 1, 1).unwrap();
    until(|| client.stats().resent == 1).await;
    server.shutdown().await.unwrap();
    let _other = sim.serve(&sim.node("other", -HOUR_MS)).await;
    faults.release("Deadlines.commands").unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(
        error.outcome(),
        Outcome::Unknown,
        "the former owner may have run it"
    );
    assert!(error.message().contains("the server's clock"), "{error}");
    assert_eq!(client.stats().in_flight, 0);
}
