//! What a client promises in any runtime: on the broker in memory, mostly under paused time.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kafka_rpc::testing::{MemoryBroker, fail_next, in_process};
use kafka_rpc::{Client, ClientStats, Code, Outcome, RpcError, Server, TopicSettings};
use kafka_rpc_core::wire;
use tokio::time::Instant;

/// A service whose answers say which call they belong to.
#[kafka_rpc::service]
pub trait Echo {
    /// Answers at once.
    async fn echo(&self, n: u64) -> u64;
    /// Answers after so many milliseconds.
    async fn late(&self, n: u64, ms: u64) -> u64;
    /// Makes a call within, to a server that isn't there.
    async fn nested(&self);
    /// Has no answer.
    #[rpc(oneway)]
    async fn note(&self, n: u64);
}

#[derive(Default)]
struct Desk {
    inner: Option<EchoClient>,
}

impl Echo for Desk {
    async fn echo(&self, n: u64) -> u64 {
        n
    }

    async fn late(&self, n: u64, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        n
    }

    async fn nested(&self) {
        if let Some(inner) = &self.inner {
            let ended = inner.echo(1).timeout(Duration::from_secs(3000)).await;
            ended.unwrap_err();
        }
    }

    async fn note(&self, _: u64) {}
}

const COMMANDS: &str = "Echo.commands";
const RESULTS: &str = "Echo.results";

fn one_partition() -> TopicSettings {
    TopicSettings::default()
        .commands_partitions(1)
        .results_partitions(1)
}

async fn client(broker: &MemoryBroker) -> (Client, EchoClient) {
    let client = Client::builder(broker)
        .create_topics(one_partition())
        .connect()
        .await
        .unwrap();
    let echo = client.attach().await.unwrap();
    (client, echo)
}

async fn serve(cluster: &impl kafka_rpc::Cluster) -> Server {
    Server::builder(cluster)
        .create_topics(one_partition())
        .service(EchoServer::new(Desk::default()))
        .start()
        .await
        .unwrap()
}

fn ended(stats: ClientStats) -> u64 {
    stats.answered
        + stats.acknowledged
        + stats.expired
        + stats.cancelled
        + stats.disconnected
        + stats.failed
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_by<F: Future + Unpin>(future: &mut F, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(wakes));
    pin!(future).poll(&mut Context::from_waker(&waker))
}

/// Runs `test` on a thread of its own, and fails if it blocks.
fn ends<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(test()));
    result
        .recv_timeout(Duration::from_secs(20))
        .expect("it neither blocks nor panics")
}

// Blocking.

#[test]
fn waiting_on_the_only_thread_of_the_servers_runtime_ends_with_the_deadline() {
    let error = ends(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let echo = in_process(EchoServer::new(Desk::default()));
            echo.echo(1)
                .timeout(Duration::from_millis(30))
                .wait()
                .unwrap_err()
        })
    });
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[test]
fn waiting_on_a_worker_lets_the_server_go_on() {
    let value = ends(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let waiting = async {
            let echo = in_process(EchoServer::new(Desk::default()));
            echo.echo(7).wait().unwrap()
        };
        runtime.block_on(async { tokio::spawn(waiting).await.unwrap() })
    });
    assert_eq!(value, 7);
}

#[test]
fn waiting_for_a_shutdown_on_the_only_thread_of_its_runtime_gives_up() {
    let error = ends(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::builder(&MemoryBroker::new())
                .create_topics(one_partition())
                .grace(Duration::ZERO)
                .service(EchoServer::new(Desk::default()))
                .start()
                .await
                .unwrap();
            server.shutdown().wait().unwrap_err()
        })
    });
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(error.message().contains("await"), "{error}");
}

#[test]
fn everything_can_be_waited_for_without_a_runtime() {
    ends(|| {
        let broker = MemoryBroker::new();
        let server = Server::builder(&broker)
            .create_topics(one_partition())
            .service(EchoServer::new(Desk::default()))
            .start()
            .wait()
            .unwrap();
        let client = Client::connect(&broker).wait().unwrap();
        let echo: EchoClient = client.attach().wait().unwrap();
        assert_eq!(echo.echo(3).with_metadata().wait().unwrap().value, 3);
        echo.note(3).wait().unwrap();
        server.shutdown().wait().unwrap();
    });
}

#[test]
fn a_shutdown_that_nobody_waits_for_drains_in_the_background() {
    ends(|| {
        let broker = MemoryBroker::new();
        let server = Server::builder(&broker)
            .create_topics(one_partition())
            .service(EchoServer::new(Desk::default()))
            .start()
            .wait()
            .unwrap();
        let echo: EchoClient = Client::connect(&broker)
            .wait()
            .unwrap()
            .attach()
            .wait()
            .unwrap();
        echo.echo(0).wait().unwrap();
        let late =
            std::thread::spawn(move || echo.late(7, 300).timeout(Duration::from_secs(5)).wait());
        while server.stats().running == 0 {
            std::thread::yield_now();
        }
        drop(server.shutdown());
        assert_eq!(late.join().unwrap().unwrap(), 7);
    });
}

#[test]
fn in_process_can_be_made_and_dropped_anywhere() {
    ends(|| {
        let echo = in_process(EchoServer::new(Desk::default()));
        assert_eq!(echo.echo(1).wait().unwrap(), 1);
        drop(echo);
        let mut runtimes = [
            tokio::runtime::Builder::new_current_thread(),
            tokio::runtime::Builder::new_multi_thread(),
        ];
        for builder in &mut runtimes {
            let runtime = builder.worker_threads(1).enable_all().build().unwrap();
            let work = async {
                let echo = in_process(EchoServer::new(Desk::default()));
                assert_eq!(echo.echo(2).await.unwrap(), 2);
                // With a call in flight, whose handler has long to go.
                let mut pending = echo.late(1, 60_000);
                assert!(poll_by(&mut pending, &Arc::default()).is_pending());
                drop((echo, pending));
                let metrics = tokio::runtime::Handle::current().metrics();
                while metrics.num_alive_tasks() > 1 {
                    tokio::task::yield_now().await;
                }
            };
            // As a task, so that on both runtimes it is the one that is left.
            runtime.block_on(async { tokio::spawn(work).await.unwrap() });
        }
    });
}

// The call as a future.

#[tokio::test(start_paused = true)]
async fn a_call_is_a_future_like_any_other() {
    let echo = in_process(EchoServer::new(Desk::default()));
    let (a, b) = tokio::join!(echo.echo(1), echo.late(2, 50));
    assert_eq!((a.unwrap(), b.unwrap()), (1, 2));

    // Polled by reference, a call loses nothing to the branch that wins.
    let mut slow = echo.late(3, 100);
    tokio::select! {
        _ = &mut slow => panic!("it takes longer"),
        () = tokio::time::sleep(Duration::from_millis(20)) => {}
    }
    assert_eq!(slow.await.unwrap(), 3);

    // Many polled by one task, each answered in its own time.
    let mut calls: Vec<_> = (0..10).map(|n| (n, echo.late(n, 100 - 10 * n))).collect();
    let mut order = Vec::new();
    std::future::poll_fn(|context| {
        calls.retain_mut(|(n, call)| match pin!(call).poll(context) {
            Poll::Ready(value) => {
                assert_eq!(value.unwrap(), *n);
                order.push(*n);
                false
            }
            Poll::Pending => true,
        });
        if calls.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    assert_eq!(order, (0..10).rev().collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_task_that_polled_last_is_woken() {
    let echo = in_process(EchoServer::new(Desk::default()));
    let mut call = echo.late(1, 50);
    let (first, second) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
    assert!(poll_by(&mut call, &first).is_pending());
    assert!(poll_by(&mut call, &second).is_pending());
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!((first.count(), second.count()), (0, 1));
    let Poll::Ready(value) = poll_by(&mut call, &first) else {
        panic!("it was answered");
    };
    assert_eq!(value.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn settings_after_the_first_poll_change_nothing() {
    let broker = MemoryBroker::new();
    let (_client, echo) = client(&broker).await;
    let start = Instant::now();
    let mut call = echo.echo(1).timeout(Duration::from_millis(100));
    assert!(poll_by(&mut call, &Arc::default()).is_pending());
    let error = call
        .timeout(Duration::from_secs(3600))
        .partition(99)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_call_within_a_handler_ends_with_the_handlers_deadline() {
    let broker = MemoryBroker::new();
    let inner_broker = MemoryBroker::new();
    let (inner_client, inner) = client(&inner_broker).await;
    let _server = Server::builder(&broker)
        .create_topics(one_partition())
        .service(EchoServer::new(Desk { inner: Some(inner) }))
        .start()
        .await
        .unwrap();
    let (_client, echo) = client(&broker).await;
    let start = Instant::now();
    let error = echo
        .nested()
        .timeout(Duration::from_millis(700))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed(), Duration::from_millis(700));
    let commands = inner_broker.records(COMMANDS, 0).unwrap();
    let value = commands[0].value.as_deref().unwrap();
    let Ok(wire::Envelope::Command(command)) = wire::decode(value) else {
        panic!("it is the inner call's command");
    };
    assert_eq!(command.budget_ms, 700);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(inner_client.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_header_name_that_would_arrive_cut_short_is_refused() {
    let echo = in_process(EchoServer::new(Desk::default()));
    let error = echo.echo(1).header("a\0b", "v").await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.outcome(), Outcome::NotRun);
    assert_eq!(echo.echo(1).header("", "v").await.unwrap(), 1);
}

// Injected errors.

#[tokio::test(start_paused = true)]
async fn injected_errors_come_in_order_and_to_their_method_only() {
    let echo = in_process(EchoServer::new(Desk::default()));
    for code in [Code::Unavailable, Code::Disconnected] {
        fail_next(&echo, "echo", RpcError::new(code, Outcome::Unknown, "made"));
    }
    assert_eq!(echo.late(1, 0).await.unwrap(), 1);
    let clone = echo.clone();
    assert_eq!(clone.echo(1).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(echo.echo(1).await.unwrap_err().code(), Code::Disconnected);
    assert_eq!(echo.echo(1).await.unwrap(), 1);
}

#[tokio::test]
#[should_panic(expected = "service Echo has no method `ecko`")]
async fn an_injected_error_for_no_method_panics() {
    let echo = in_process(EchoServer::new(Desk::default()));
    let error = RpcError::new(Code::Internal, Outcome::Ran, "made");
    fail_next(&echo, "ecko", error);
}

// The life of a client.

#[tokio::test(start_paused = true)]
async fn dropped_clients_leave_their_calls_to_end() {
    let broker = MemoryBroker::new();
    let _server = serve(&broker).await;
    let (client, echo) = client(&broker).await;
    let mut kept = echo.late(5, 50);
    assert!(poll_by(&mut kept, &Arc::default()).is_pending());
    drop((client, echo));
    assert_eq!(kept.await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn closing_ends_calls_of_other_tasks_and_refuses_new_ones() {
    let broker = MemoryBroker::new();
    let (client, echo) = client(&broker).await;
    let pending = tokio::spawn(echo.echo(1));
    tokio::task::yield_now().await;
    assert_eq!(client.stats().in_flight, 1);
    client.close();
    let error = pending.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Disconnected);
    assert_eq!(error.outcome(), Outcome::Unknown);
    let refused = echo.echo(2).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(refused.outcome(), Outcome::NotRun);
    let attach = client.attach::<EchoClient>().await.unwrap_err();
    assert_eq!(attach.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn attaching_twice_shares_one_listener() {
    let broker = MemoryBroker::new();
    let (client, _echo) = client(&broker).await;
    let _again: EchoClient = client.attach().await.unwrap();
    broker.append(RESULTS, 0, Default::default()).unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(client.stats().foreign_replies, 1);
}

#[tokio::test(start_paused = true)]
async fn a_results_partition_that_is_not_there_is_refused() {
    let broker = MemoryBroker::new();
    let client = Client::builder(&broker)
        .create_topics(one_partition())
        .results_partition(1)
        .connect()
        .await
        .unwrap();
    let error = client.attach::<EchoClient>().await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains(RESULTS), "{error}");
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_are_refused_until_one_ends() {
    let broker = MemoryBroker::new();
    let client = Client::builder(&broker)
        .create_topics(one_partition())
        .max_in_flight(2)
        .connect()
        .await
        .unwrap();
    let echo: EchoClient = client.attach().await.unwrap();
    let mut held: Vec<_> = (0..2).map(|n| echo.echo(n)).collect();
    for call in &mut held {
        assert!(poll_by(call, &Arc::default()).is_pending());
    }
    let refused = echo.echo(3).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    held.pop();
    let mut admitted = echo.echo(4);
    assert!(poll_by(&mut admitted, &Arc::default()).is_pending());
    let stats = client.stats();
    assert_eq!((stats.started, stats.refused, stats.in_flight), (3, 1, 2));
}

// Faults.

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_mid_call_leaves_the_call_to_its_deadline() {
    let broker = MemoryBroker::new();
    let node = broker.node("server");
    let _server = serve(&node).await;
    let (_client, echo) = client(&broker).await;
    assert_eq!(echo.echo(1).await.unwrap(), 1);
    let start = Instant::now();
    let mut call = echo.late(1, 100).timeout(Duration::from_secs(2));
    tokio::select! {
        _ = &mut call => panic!("it takes longer"),
        () = tokio::time::sleep(Duration::from_millis(50)) => node.crash(),
    }
    let error = call.await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

/// One round of calls while topics lose, repeat, hold and delay records.
async fn storm(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let broker = MemoryBroker::new();
    let _server = serve(&broker).await;
    let (client, echo) = client(&broker).await;
    let faults = broker.faults();
    let mut calls = Vec::new();
    for n in 0..300_u64 {
        match random.u32(..40) {
            0 => faults.duplicate_next(COMMANDS, 2).unwrap(),
            1 => faults.duplicate_next(RESULTS, 2).unwrap(),
            2 => faults.hold(RESULTS).unwrap(),
            3 => faults.release(RESULTS).unwrap(),
            4..=8 => {
                let kind = kafka_rpc_core::transport::TransportErrorKind::Other;
                let fate = [
                    kafka_rpc::testing::Fate::Lost,
                    kafka_rpc::testing::Fate::Unacknowledged,
                    kafka_rpc::testing::Fate::NotPersisted(kind),
                    kafka_rpc::testing::Fate::Refused(kind),
                ][random.usize(..4)];
                let topic = [COMMANDS, RESULTS][random.usize(..2)];
                faults.next_produced(topic, fate, 1).unwrap();
            }
            9 => {
                let (_, end) = broker.watermarks(RESULTS, 0).unwrap();
                faults.truncate(RESULTS, 0, end).unwrap();
            }
            10 => faults.recreate_topic(RESULTS).unwrap(),
            11 => tokio::time::sleep(Duration::from_millis(random.u64(..20))).await,
            _ => {}
        }
        let timeout = Duration::from_millis(random.u64(1..200));
        let give_up = (random.u32(..8) == 0).then(|| timeout / 2);
        let oneway = random.u32(..10) == 0;
        let ms = random.u64(..50);
        let echo = echo.clone();
        calls.push(tokio::spawn(async move {
            let start = Instant::now();
            let work = async {
                if oneway {
                    return echo.note(n).timeout(timeout).await.map(|()| n);
                }
                echo.late(n, ms).timeout(timeout).await
            };
            let ended = match give_up {
                Some(after) => tokio::time::timeout(after, work).await.ok(),
                None => Some(work.await),
            };
            // Tokio's timers have a grain of a millisecond.
            assert!(start.elapsed() <= timeout + Duration::from_millis(1));
            if let Some(Ok(value)) = ended {
                assert_eq!(value, n, "a reply reached another call");
            }
        }));
        let stats = client.stats();
        assert_eq!(stats.started, ended_and_waiting(stats), "seed {seed}");
    }
    for call in calls {
        call.await.unwrap();
    }
    let stats = client.stats();
    assert_eq!(stats.in_flight, 0, "seed {seed}");
    assert_eq!(stats.started, ended(stats), "seed {seed}: {stats:?}");
    assert_eq!(stats.started, 300, "seed {seed}: {stats:?}");
    assert!(
        stats.answered > 0 && stats.expired > 0,
        "seed {seed}: {stats:?}"
    );
}

fn ended_and_waiting(stats: ClientStats) -> u64 {
    ended(stats) + stats.in_flight
}

#[tokio::test(start_paused = true)]
async fn in_a_storm_every_call_ends_once_by_its_deadline_and_is_counted_once() {
    for seed in 0..20 {
        storm(seed).await;
    }
}
