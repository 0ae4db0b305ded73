//! The harness itself: it starts what it should, and leaves nothing behind.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use kafka_rpc_tests::broker::{self, Broker};
use kafka_rpc_tests::clock;
use kafka_rpc_tests::process::{Process, wait_until};
use kafka_rpc_tests::run;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Message, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(120);

/// Which part this program plays when a test runs it as another process.
const ROLE: &str = "KAFKA_RPC_HARNESS_ROLE";

fn has_role(role: &str) -> bool {
    std::env::var(ROLE).is_ok_and(|value| value == role)
}

/// This program as another process that runs the test `name` in a role.
fn actor(name: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows its path"));
    command
        .args([name, "--exact", "--nocapture"])
        .env(ROLE, role)
        .env_remove("KAFKA_RPC_BROKERS");
    command
}

/// Ends only by being killed.
fn linger() -> ! {
    loop {
        std::thread::park();
    }
}

fn value<'a>(line: &'a str, key: &str) -> &'a str {
    line.split(' ')
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("no {key} in {line:?}"))
}

fn is_gone(pid: &str) -> bool {
    !Path::new("/proc").join(pid).exists()
}

/// Sends one record and reads it back.
fn round_trip(config: &ClientConfig, topic: &str) {
    let producer: BaseProducer = config.create().expect("a producer");
    producer
        .send(BaseRecord::<(), _>::to(topic).payload("hello").partition(0))
        .expect("queued");
    producer.flush(PATIENCE).expect("delivered");

    let consumer: BaseConsumer = config
        .clone()
        .set("group.id", "none")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let mut partition = TopicPartitionList::new();
    partition
        .add_partition_offset(topic, 0, Offset::Offset(0))
        .expect("an offset");
    consumer.assign(&partition).expect("assigned");
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            assert_eq!(message.payload(), Some(&b"hello"[..]));
            return;
        }
    }
    panic!("the record didn't come back");
}

fn plain(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

fn topic_names(bootstrap: &str) -> Vec<String> {
    let client: BaseConsumer = plain(bootstrap).create().expect("a client");
    let metadata = client.fetch_metadata(None, PATIENCE).expect("an answer");
    let names = metadata
        .topics()
        .iter()
        .map(|topic| topic.name().to_owned());
    names.collect()
}

#[test]
fn the_shared_broker_carries_records_and_topics_are_deleted() {
    let Some(broker) = broker::shared() else {
        return;
    };
    let topics = broker.topics();
    let topic = topics.create("echo", 2);
    round_trip(&plain(broker.bootstrap()), &topic);
    drop(topics);

    // And also by a test that panics.
    let bootstrap = broker.bootstrap().to_owned();
    let panicked = std::thread::spawn(move || {
        let topics = kafka_rpc_tests::topics::Topics::new(&bootstrap);
        std::panic::panic_any(topics.create("lost", 1));
    });
    let lost = panicked.join().expect_err("it panics");
    let lost: Box<String> = lost.downcast().expect("the topic's name");
    let deleted = wait_until(PATIENCE, || {
        let names = topic_names(broker.bootstrap());
        !names.contains(&topic) && !names.contains(&lost)
    });
    assert!(deleted);
}

#[test]
fn a_broker_keeps_its_log_over_kill_and_restart_and_goes_when_dropped() {
    let Some(mut broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let topics = kafka_rpc_tests::topics::Topics::new(&broker.bootstrap());
    let kept = topics.create("kept", 1);
    round_trip(&plain(&broker.bootstrap()), &kept);
    let (address, first) = (broker.bootstrap(), broker.pid().expect("it runs"));

    broker.kill();
    assert!(is_gone(&first.to_string()));
    broker.restart();
    assert_eq!(broker.bootstrap(), address);
    assert!(topic_names(&address).contains(&kept));

    broker.pause();
    let client: BaseConsumer = plain(&address).create().expect("a client");
    assert!(
        client
            .fetch_metadata(None, Duration::from_millis(300))
            .is_err()
    );
    broker.resume();
    assert!(client.fetch_metadata(None, PATIENCE).is_ok());

    // In good order this time.
    broker.restart();
    assert!(topic_names(&address).contains(&kept));

    let (pid, folder) = (broker.pid().expect("it runs"), broker.folder().to_owned());
    drop(topics);
    drop(broker);
    assert!(is_gone(&pid.to_string()));
    assert!(!folder.exists());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_killed_process_leaves_no_broker_and_no_folder() {
    const NAME: &str = "a_killed_process_leaves_no_broker_and_no_folder";
    if has_role("owner") {
        let Some(broker) = Broker::builder().start_or_skip() else {
            return;
        };
        let child = Process::spawn(Command::new("sleep").arg("1000")).expect("sleep starts");
        println!(
            "owner pid={} child={} address={} folder={} run={}",
            broker.pid().expect("it runs"),
            child.pid(),
            broker.bootstrap(),
            broker.folder().display(),
            run::folder().display(),
        );
        linger();
    }
    // Asked here, so that the report and the demand of a broker are this process's.
    if !broker::can_start() {
        return;
    }
    let mut owner = Process::spawn(&mut actor(NAME, "owner")).expect("it starts");
    let line = owner.wait_for_line("owner pid=", PATIENCE);
    assert!(!is_gone(value(&line, "pid")));
    assert!(Path::new(value(&line, "folder")).exists());
    owner.kill();

    let cleaned = wait_until(PATIENCE, || {
        is_gone(value(&line, "pid"))
            && is_gone(value(&line, "child"))
            && !Path::new(value(&line, "folder")).exists()
            && !Path::new(value(&line, "run")).exists()
    });
    assert!(cleaned, "left behind: {line}");
    assert!(TcpStream::connect(value(&line, "address")).is_err());
}

#[test]
fn processes_of_a_run_share_a_broker_that_ends_with_the_run() {
    const NAME: &str = "processes_of_a_run_share_a_broker_that_ends_with_the_run";
    if has_role("sharer") {
        let Some(broker) = broker::shared() else {
            return;
        };
        println!("sharer address={}", broker.bootstrap());
        linger();
    }
    if !broker::can_start() {
        return;
    }
    let runs = broker::cache_folder().expect("it is used").join("runs");
    let mut run = Process::spawn(Command::new("sleep").arg("1000")).expect("sleep starts");
    let run_pid = run.pid().to_string();
    let start = || {
        let mut command = actor(NAME, "sharer");
        Process::spawn(command.env("KAFKA_RPC_RUN_PID", &run_pid)).expect("it starts")
    };
    let folder_of_run = || {
        let entries = fs::read_dir(&runs).expect("the folder of runs");
        let mut runs = entries.filter_map(Result::ok).map(|run| run.path());
        runs.find(|run| {
            let name = run.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&format!("{run_pid}-"))
        })
    };

    // Both at once, so that they race for starting it.
    let (mut one, mut other) = (start(), start());
    let line = one.wait_for_line("sharer address=", PATIENCE);
    let address = value(&line, "address");
    assert_eq!(
        address,
        value(&other.wait_for_line("sharer address=", PATIENCE), "address"),
    );
    one.kill();
    other.kill();

    // Between two test programs nobody but the run holds it.
    let mut third = start();
    let line = third.wait_for_line("sharer address=", PATIENCE);
    assert_eq!(address, value(&line, "address"));
    third.kill();
    assert!(TcpStream::connect(address).is_ok());
    assert!(folder_of_run().is_some());

    run.kill();
    let cleaned = wait_until(PATIENCE, || {
        TcpStream::connect(address).is_err() && folder_of_run().is_none()
    });
    assert!(cleaned, "the broker at {address} is still there");
}

#[test]
fn without_java_a_test_is_reported_as_skipped_and_passes_unless_a_broker_is_required() {
    const NAME: &str =
        "without_java_a_test_is_reported_as_skipped_and_passes_unless_a_broker_is_required";
    if has_role("skipped") {
        assert!(broker::shared().is_none());
        assert!(Broker::builder().start_or_skip().is_none());
        return;
    }
    let run = |required: &str| {
        let mut command = actor(NAME, "skipped");
        command
            .env("PATH", run::folder())
            .env("KAFKA_RPC_REQUIRE_BROKER", required);
        let mut process = Process::spawn(&mut command).expect("it starts");
        let status = process.wait(PATIENCE).expect("it ends");
        (status.success(), process)
    };

    let (passed, mut process) = run("0");
    assert!(passed, "{}", process.output());
    let line = process.wait_for_line("skipped: ", PATIENCE);
    assert!(line.contains(NAME), "{line}");
    assert!(line.contains("Java 17 or newer is needed"), "{line}");

    let (passed, mut process) = run("1");
    assert!(!passed, "{}", process.output());
    process.wait_for_line("KAFKA_RPC_REQUIRE_BROKER=1 demands", PATIENCE);
}

#[test]
fn the_command_for_people_prints_an_address_and_cleans_up() {
    if !broker::can_start() {
        return;
    }
    for interrupt in [true, false] {
        let mut kafka =
            Process::spawn(Command::new(env!("CARGO_BIN_EXE_kafka")).arg("up")).expect("it starts");
        let line = kafka.wait_for_line("KAFKA_RPC_BROKERS=", PATIENCE);
        let address = value(&line, "KAFKA_RPC_BROKERS");
        assert!(TcpStream::connect(address).is_ok());
        if interrupt {
            kafka.interrupt();
        } else {
            kafka.terminate();
        }
        let status = kafka.wait(PATIENCE).expect("it ends");
        assert!(status.success(), "{}", kafka.output());
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn a_shifted_clock_shifts_wall_time_alone() {
    const NAME: &str = "a_shifted_clock_shifts_wall_time_alone";
    let epoch_seconds = || {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        i64::try_from(now.expect("after 1970").as_secs()).expect("before the year 292 billion")
    };
    if has_role("shifted") {
        // librdkafka waits for absolute wall times inside: with the shift left in, this would take
        // an hour or no time at all. Without an address there is nothing else to report.
        let client: BaseConsumer = ClientConfig::new()
            .set("group.id", "none")
            .create()
            .expect("a client");
        let started = Instant::now();
        assert!(client.poll(Duration::from_millis(200)).is_none());
        let waited = started.elapsed();
        println!(
            "shifted wall={} waited_ms={}",
            epoch_seconds(),
            waited.as_millis()
        );
        if let Ok(bootstrap) = std::env::var("SHIFTED_BOOTSTRAP") {
            round_trip(
                &plain(&bootstrap),
                &std::env::var("SHIFTED_TOPIC").expect("a topic"),
            );
        }
        return;
    }
    let broker = broker::shared();
    let topics = broker.as_ref().map(broker::Shared::topics);
    for shift in [3_600, -3_600] {
        let mut command = actor(NAME, "shifted");
        if let (Some(broker), Some(topics)) = (&broker, &topics) {
            command
                .env("SHIFTED_BOOTSTRAP", broker.bootstrap())
                .env("SHIFTED_TOPIC", topics.create(&format!("shift{shift}"), 1));
        }
        let started = Instant::now();
        let mut process = Process::spawn(clock::shift(&mut command, shift)).expect("it starts");
        let line = process.wait_for_line("shifted wall=", PATIENCE);
        let wall: i64 = value(&line, "wall").parse().expect("seconds");
        let waited: u64 = value(&line, "waited_ms").parse().expect("milliseconds");
        assert!((wall - epoch_seconds() - shift).abs() <= 5, "{line}");
        assert!((190..5_000).contains(&waited), "{line}");
        let status = process.wait(PATIENCE).expect("it ends");
        assert!(status.success(), "{}", process.output());
        assert!(started.elapsed() < PATIENCE);
    }
}
