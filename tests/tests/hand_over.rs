//! Partitions that are given up while their calls run, between processes, on real Kafka.

#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::{Duration, Instant};

use kafka_rpc::{Client, Kafka, RpcError};
use kafka_rpc_tests::broker::{self, Shared};
use kafka_rpc_tests::load::{self, LoadClient};
use kafka_rpc_tests::process::Process;
use tokio::task::JoinHandle;

const SOON: Duration = Duration::from_secs(60);
const PARTITIONS: u32 = 4;

/// One service, and the processes that serve it.
struct World<'a> {
    shared: &'a Shared,
    prefix: String,
    load: LoadClient,
}

impl<'a> World<'a> {
    async fn new(shared: &'a Shared, prefix: String) -> Self {
        let client = Client::builder(&Kafka::new(shared.bootstrap()))
            .topic_prefix(&prefix)
            .create_topics(load::topics(PARTITIONS));
        let load = client.connect().await.unwrap().attach().await.unwrap();
        Self {
            shared,
            prefix,
            load,
        }
    }

    /// A server that finishes what it runs for so many seconds.
    fn serve(&self, grace: u32) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        let (partitions, grace) = (PARTITIONS.to_string(), grace.to_string());
        let arguments = [
            "server",
            self.shared.bootstrap(),
            &self.prefix,
            &partitions,
            &grace,
        ];
        let mut server = Process::spawn(command.args(arguments)).unwrap();
        server.wait_for_line("ready", SOON);
        server
    }

    /// Returns once each partition is served by one of these.
    async fn served_by(&self, servers: &[&Process]) {
        let until = Instant::now() + SOON;
        for partition in 0..PARTITIONS {
            loop {
                let asked = self
                    .load
                    .who()
                    .partition(partition)
                    .timeout(Duration::from_secs(1));
                match asked.await {
                    Ok(pid) if servers.iter().any(|server| server.pid() == pid) => break,
                    answer => assert!(Instant::now() < until, "{partition}: {answer:?}"),
                }
            }
        }
    }

    /// A call on this partition that takes so many seconds.
    fn sleep(&self, name: &str, partition: u32, seconds: u64) -> JoinHandle<Result<u64, RpcError>> {
        let call = self.load.sleep(name.to_owned(), seconds * 1_000);
        tokio::spawn(call.partition(partition).timeout(SOON))
    }
}

/// How often a server has printed this.
fn count(server: &Process, line: &str) -> usize {
    server
        .output()
        .lines()
        .filter(|printed| *printed == line)
        .count()
}

fn long() -> bool {
    std::env::var_os("KAFKA_RPC_LONG").is_some()
}

/// Guarantee: a server that is asked to stop answers what it runs, however long that takes within its
/// grace period, while the next one serves all partitions, and nothing runs twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_leaves_answers_what_it_runs_and_the_next_serves_the_rest() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let world = World::new(&shared, topics.name("")).await;
    let mut first = world.serve(60);
    world.served_by(&[&first]).await;
    // Longer than a session, which is 6 s.
    let seconds = if long() { 30 } else { 9 };
    let calls: Vec<_> = (0..PARTITIONS)
        .map(|partition| world.sleep("long", partition, seconds))
        .collect();
    for _ in 0..PARTITIONS {
        first.wait_for_line("began long", SOON);
    }
    let next = world.serve(60);
    first.terminate();
    let asked = Instant::now();
    world.served_by(&[&next]).await;
    println!(
        "all is served by the next one {:?} after the signal",
        asked.elapsed()
    );
    assert!(first.is_running(), "it still runs what it has begun");
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), seconds * 1_000);
    }
    assert!(first.wait(SOON).is_some_and(|status| status.success()));
    assert_eq!(count(&first, "ended long"), PARTITIONS as usize);
    assert_eq!(count(&next, "began long"), 0, "{}", next.output());
}

/// Guarantee: calls that go on at a former owner run again, once, if that dies.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_had_handed_over_runs_again_once() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let world = World::new(&shared, topics.name("")).await;
    let mut first = world.serve(60);
    world.served_by(&[&first]).await;
    let call = world.sleep("doomed", 0, 4);
    first.wait_for_line("began doomed", SOON);
    let mut next = world.serve(60);
    first.terminate();
    world.served_by(&[&next]).await;
    first.kill();
    let killed = Instant::now();
    next.wait_for_line("began doomed", SOON);
    let took = killed.elapsed();
    println!("it ran again {took:?} after the kill");
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(call.await.unwrap().unwrap(), 4_000);
    assert_eq!(count(&next, "began doomed"), 1);
}

/// Guarantee: a call goes on where it runs though its partition moves on and on: the second owner dies
/// before it has committed anything, and the third one knows of the call as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_third_owner_leaves_alone_what_runs_on_the_first() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let world = World::new(&shared, topics.name("")).await;
    let mut first = world.serve(60);
    world.served_by(&[&first]).await;
    let call = world.sleep("long", 0, 20);
    first.wait_for_line("began long", SOON);
    let mut second = world.serve(60);
    first.terminate();
    world.served_by(&[&second]).await;
    let mut third = world.serve(60);
    second.kill();
    world.served_by(&[&third]).await;
    assert_eq!(call.await.unwrap().unwrap(), 20_000);
    assert!(first.wait(SOON).is_some_and(|status| status.success()));
    assert_eq!(count(&third, "began long"), 0, "{}", third.output());
    assert!(third.is_running());
}

/// Guarantee: a partition that comes back to a server finds the call that still runs there.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_comes_back_finds_its_call() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let world = World::new(&shared, topics.name("")).await;
    let mut first = world.serve(60);
    world.served_by(&[&first]).await;
    let calls: Vec<_> = (0..PARTITIONS)
        .map(|partition| world.sleep("long", partition, 12))
        .collect();
    for _ in 0..PARTITIONS {
        first.wait_for_line("began long", SOON);
    }
    // It takes half of the partitions, and gives them back.
    let mut second = world.serve(60);
    let until = Instant::now() + SOON;
    loop {
        let mut owners = Vec::new();
        for partition in 0..PARTITIONS {
            let asked = world.load.who().partition(partition).timeout(SOON);
            owners.push(asked.await.unwrap());
        }
        if owners.contains(&second.pid()) {
            break;
        }
        assert!(Instant::now() < until, "{owners:?}");
    }
    second.terminate();
    assert!(second.wait(SOON).is_some_and(|status| status.success()));
    world.served_by(&[&first]).await;
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 12_000);
    }
    assert_eq!(count(&first, "began long"), PARTITIONS as usize);
    assert_eq!(count(&second, "began long"), 0);
}
