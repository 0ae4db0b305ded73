//! Clients and servers as processes of their own, on real Kafka.

#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::{Duration, Instant};

use kafka_rpc::{Client, Code, Kafka, Outcome};
use kafka_rpc_tests::broker::{self, Shared};
use kafka_rpc_tests::clock;
use kafka_rpc_tests::load::{self, LoadClient};
use kafka_rpc_tests::process::Process;

const PATIENCE: Duration = Duration::from_secs(60);

fn worker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(arguments);
    command
}

fn server(command: &mut Command) -> Process {
    let mut server = Process::spawn(command).unwrap();
    server.wait_for_line("ready", PATIENCE);
    server
}

async fn attach(shared: &Shared, prefix: &str, partitions: u32) -> LoadClient {
    Client::builder(&Kafka::new(shared.bootstrap()))
        .topic_prefix(prefix)
        .create_topics(load::topics(partitions))
        .connect()
        .await
        .unwrap()
        .attach()
        .await
        .unwrap()
}

/// Guarantee: a server that is killed in the middle of a call costs that call its deadline and
/// nothing more, and the client goes on with the next server as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_ends_its_call_at_the_deadline_and_the_next_one_serves() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let arguments = ["server", shared.bootstrap(), &prefix];
    let mut first = server(&mut worker(&arguments));
    let load = attach(&shared, &prefix, 1).await;
    load.who().timeout(PATIENCE).await.unwrap();

    let timeout = Duration::from_secs(2);
    let start = Instant::now();
    let call = tokio::spawn(load.sleep("doomed".to_owned(), 60_000).timeout(timeout));
    first.wait_for_line("began doomed", PATIENCE);
    first.kill();
    let error = call.await.unwrap().unwrap_err();
    let took = start.elapsed();
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(took >= timeout, "{took:?} is too early");
    println!("the call ended {:?} after its deadline", took - timeout);

    let second = server(&mut worker(&arguments));
    let restarted = Instant::now();
    let who = load.who().timeout(Duration::from_secs(15)).await.unwrap();
    assert_eq!(who, second.pid());
    println!("the next server answered after {:?}", restarted.elapsed());
}

/// A number of the line that a client ends with.
fn figure(line: &str, name: &str) -> usize {
    let (_, rest) = line.split_once(&format!("{name}=")).unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// Guarantee: clients that share a results partition get their own replies and no others, and drop
/// the others' by their keys alone.
#[test]
fn four_client_processes_share_a_results_partition() {
    const CALLS: usize = 1_000;
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let brokers = shared.bootstrap();
    let _server = server(&mut worker(&["server", brokers, &prefix, "2"]));
    let calls = CALLS.to_string();
    let mut clients: Vec<_> = (0..4)
        .map(|_| Process::spawn(&mut worker(&["client", brokers, &prefix, &calls])).unwrap())
        .collect();
    let mut foreign = 0;
    for client in &mut clients {
        let line = client.wait_for_line("correct=", PATIENCE * 2);
        let figure = |name| figure(&line, name);
        assert_eq!(figure("correct"), CALLS, "{line}");
        assert_eq!(figure("late") + figure("duplicate"), 0, "{line}");
        assert_eq!(figure("in_flight"), 0, "{line}");
        foreign += figure("foreign");
    }
    assert!(foreign > 0, "the clients did not overlap");
}

/// Guarantee: no reply is missed from the moment that `attach` returns.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_call_after_attach_never_loses_its_reply() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let _server = server(&mut worker(&["server", shared.bootstrap(), &prefix]));
    let warm = attach(&shared, &prefix, 1).await;
    warm.who().timeout(PATIENCE).await.unwrap();
    for n in 0..200 {
        let load = attach(&shared, &prefix, 1).await;
        let reply = load.echo(vec![n as u8]).timeout(Duration::from_secs(5));
        assert_eq!(reply.await.unwrap(), [n as u8], "attempt {n}");
    }
}

/// Guarantee: a dropped call stops its handler on the server that runs it.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_stops_its_handler_on_whichever_server_runs_it() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let arguments = ["server", shared.bootstrap(), &prefix, "6"];
    let mut servers = [
        server(&mut worker(&arguments)),
        server(&mut worker(&arguments)),
    ];
    let load = attach(&shared, &prefix, 6).await;
    // Until the partitions are shared out, a cancel may meet a rebalance, where it is best effort.
    let until = Instant::now() + PATIENCE;
    loop {
        let mut owners = Vec::new();
        for partition in 0..6 {
            let who = load.who().partition(partition).timeout(PATIENCE);
            owners.push(who.await.unwrap());
        }
        if servers
            .iter()
            .all(|server| owners.iter().filter(|who| **who == server.pid()).count() == 3)
        {
            break;
        }
        assert!(
            Instant::now() < until,
            "the servers never shared: {owners:?}"
        );
    }
    for partition in 0..6 {
        let name = format!("call on {partition}");
        let owner = load.who().partition(partition).await.unwrap();
        let call = tokio::spawn(load.sleep(name.clone(), 600_000).partition(partition));
        let server = servers
            .iter_mut()
            .find(|server| server.pid() == owner)
            .unwrap();
        server.wait_for_line(&format!("began {name}"), PATIENCE);
        call.abort();
        server.wait_for_line(&format!("stopped {name}"), Duration::from_secs(5));
    }
}

/// Guarantee: a server whose wall clock is an hour wrong serves calls, stops their handlers at
/// their deadlines, and doesn't run what expired while it was stopped.
async fn a_wrong_clock(shift: i64) {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let mut command = worker(&["server", shared.bootstrap(), &prefix]);
    let mut wrong = server(clock::shift(&mut command, shift));
    let load = attach(&shared, &prefix, 1).await;
    load.who().timeout(PATIENCE).await.unwrap();
    for n in 0..50 {
        let reply = load.echo(vec![n]).timeout(Duration::from_secs(2)).await;
        assert_eq!(reply.unwrap(), [n]);
    }

    // A handler is stopped at its deadline, not an hour later.
    let timeout = Duration::from_millis(500);
    let slow = load.sleep("slow".to_owned(), 600_000).timeout(timeout);
    slow.await.unwrap_err();
    wrong.wait_for_line("stopped slow", Duration::from_secs(3));

    // A command that waited beyond its budget and the allowance isn't run.
    wrong.pause();
    let timeout = Duration::from_millis(200);
    let expired = load.sleep("expired".to_owned(), 1).timeout(timeout);
    expired.await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    wrong.resume();
    load.who().timeout(PATIENCE).await.unwrap();
    assert!(!wrong.output().contains("began expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_one_hour_ahead_keeps_to_the_budget() {
    // A little more than the hour that brokers let a record be ahead of them.
    a_wrong_clock(3700).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_one_hour_behind_keeps_to_the_budget() {
    a_wrong_clock(-3600).await;
}

/// Guarantee: of a client whose wall clock is wrong no call is lost, not even of those that it makes at
/// once before it has heard of a server.
fn a_client_with_a_wrong_clock(shift: i64) {
    const CALLS: usize = 200;
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let brokers = shared.bootstrap();
    let _server = server(&mut worker(&["server", brokers, &prefix, "2"]));
    let calls = CALLS.to_string();
    let mut command = worker(&["client", brokers, &prefix, &calls]);
    let mut wrong = Process::spawn(clock::shift(&mut command, shift)).unwrap();
    let line = wrong.wait_for_line("correct=", PATIENCE * 2);
    assert_eq!(figure(&line, "correct"), CALLS, "{line}");
    assert!(figure(&line, "resent") > 0, "{line}");
}

#[test]
fn a_client_half_a_minute_ahead_loses_no_call() {
    a_client_with_a_wrong_clock(30);
}

#[test]
fn a_client_fifty_minutes_behind_loses_no_call() {
    a_client_with_a_wrong_clock(-3_000);
}

/// A call that was made at this time, and whether it was answered.
type Ended = (Duration, bool);

/// Makes so many calls a second for so long, each with a second of time.
async fn load_for(
    rate: u32,
    time: Duration,
    call: impl Fn() -> kafka_rpc::Call<Vec<u8>, kafka_rpc::RpcError>,
) -> Vec<Ended> {
    let mut calls = tokio::task::JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    let start = Instant::now();
    while start.elapsed() < time {
        ticks.tick().await;
        let made = start.elapsed();
        let call = call().timeout(Duration::from_secs(1));
        calls.spawn(async move { (made, call.await.is_ok()) });
    }
    calls.join_all().await
}

fn failed(calls: &[Ended]) -> usize {
    calls.iter().filter(|(_, answered)| !answered).count()
}

/// The owner of each of six partitions, once each of these three servers owns two.
async fn owners(load: &LoadClient, servers: &[Process]) -> Vec<u32> {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut owners = Vec::new();
        for partition in 0..6 {
            let who = load.who().partition(partition).timeout(PATIENCE);
            owners.push(who.await.unwrap());
        }
        let mut own = servers
            .iter()
            .map(|server| owners.iter().filter(|who| **who == server.pid()).count());
        if own.all(|count| count == 2) {
            return owners;
        }
        assert!(Instant::now() < until, "never shared: {owners:?}");
    }
}

/// Guarantee: calls that may go to any partition leave those of a killed server alone before their
/// deadlines have come, and long before the group has given them to others.
#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_key_avoid_a_killed_server_within_a_second() {
    let Some(shared) = broker::shared() else {
        return;
    };
    let topics = shared.topics();
    let prefix = topics.name("");
    let arguments = ["server", shared.bootstrap(), &prefix, "6"];
    let mut servers: Vec<Process> = (0..3).map(|_| server(&mut worker(&arguments))).collect();
    let load = attach(&shared, &prefix, 6).await;
    for _ in 0..5 {
        let owners = owners(&load, &servers).await;
        let any = || load.echo(vec![1; 32]);
        load_for(500, Duration::from_secs(2), any).await;
        let mut victim = servers.remove(0);
        victim.kill();
        let alive: Vec<u32> = (0..6)
            .filter(|partition| owners[*partition as usize] != victim.pid())
            .collect();
        let time = Duration::from_secs(11);
        // What the machine itself makes fail.
        let control = || any().partition(alive[fastrand::usize(..alive.len())]);
        let (calls, control) = tokio::join!(load_for(500, time, any), load_for(50, time, control));
        let (first, later): (Vec<Ended>, Vec<Ended>) = calls
            .into_iter()
            .partition(|(made, _)| *made < Duration::from_secs(1));
        println!(
            "{} of {} calls failed of the first second, {} of {} of the ten after it",
            failed(&first),
            first.len(),
            failed(&later),
            later.len()
        );
        if failed(&control) == 0 {
            assert!(failed(&later) * 100 <= later.len());
            return;
        }
        println!("once more: the machine is too busy for calls with a second of time");
        servers.push(server(&mut worker(&arguments)));
    }
    panic!("the machine is too busy for calls with a second of time");
}
