//! The gate on the hot path's heap allocations, which no machine's mood changes.
//!
//! Each operation's allocations and bytes are set against those of `tests/allocations.txt`. After a
//! change on purpose, `KAFKA_RPC_BLESS=1` writes that file anew.

use std::hint::black_box;
use std::mem::take;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kafka_rpc::testing::MemoryBroker;
use kafka_rpc::{CallId, Client, Code, Server, TopicSettings};
use kafka_rpc_core::macro_support::{self, Answer, Arguments, WireType, decode_value};
use kafka_rpc_core::wire::{self, Command, Reply, ReplyAddress, ReplyBody, StageTimes, preflight};
use kafka_rpc_tests::allocations::{Count, Counting};
use tokio::runtime::Builder;

#[global_allocator]
static HEAP: Counting = Counting::new();

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/allocations.txt");
const HEAD: &str = "\
# Heap allocations and bytes of 1,000 operations, in a build without optimizations.
# KAFKA_RPC_BLESS=1 cargo test -p kafka-rpc-tests --test allocations writes them anew.
";
const RUNS: u64 = 1_000;
/// Fills every table and ring that is bounded.
const WARM_UP: u64 = 5_000;
/// So that the logs neither grow nor are ever empty.
const LOG_BYTES: usize = 4_096;

/// Two numbers have nothing on the heap; the data of an echo has.
#[kafka_rpc::service]
trait Desk {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn echo(&self, data: Vec<u8>) -> Vec<u8>;
}

/// Nobody serves it.
#[kafka_rpc::service]
trait Silence {
    async fn ask(&self, a: i64, b: i64) -> i64;
}

struct Local;

impl Desk for Local {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }
}

/// What was counted, in the order of the counting.
#[derive(Default)]
struct Counted(Vec<(&'static str, Count)>);

impl Counted {
    fn operation(&mut self, name: &'static str, mut run: impl FnMut()) {
        (0..WARM_UP).for_each(|_| run());
        let before = HEAP.count();
        (0..RUNS).for_each(|_| run());
        self.0.push((name, HEAP.count() - before));
    }

    async fn call(&mut self, name: &'static str, mut run: impl AsyncFnMut()) {
        for _ in 0..WARM_UP {
            run().await;
        }
        let before = HEAP.count();
        for _ in 0..RUNS {
            run().await;
        }
        self.0.push((name, HEAP.count() - before));
    }

    fn written(&self) -> String {
        let mut text = HEAD.to_owned();
        for (name, count) in &self.0 {
            let (allocations, bytes) = (count.allocations, count.bytes);
            text.push_str(&format!("{name}: {allocations} {bytes}\n"));
        }
        text
    }

    /// Says of each operation what is other than committed.
    fn compare(&self, committed: &str) -> String {
        let mut problems = String::new();
        for (name, count) in &self.0 {
            let (allocations, bytes) = (count.allocations, count.bytes);
            let holds = find(committed, name).is_some_and(|(most, most_bytes)| {
                // The optimizer may leave allocations out, and the sizes of futures are the compiler's.
                let exactly = allocations == most || cfg!(not(debug_assertions));
                exactly && allocations <= most && bytes <= most_bytes + most_bytes / 50
            });
            if !holds {
                problems.push_str(&format!(
                    "{name}: {allocations} allocations of {bytes} bytes in {RUNS} runs, and {} \
                     committed\n",
                    find(committed, name)
                        .map_or("none are".to_owned(), |(a, b)| format!("{a} of {b} are")),
                ));
            }
        }
        problems
    }
}

#[test]
fn the_hot_path_allocates_as_committed() {
    HEAP.begin();
    let mut counted = Counted::default();
    pure_parts(&mut counted);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(calls(&mut counted));
    if std::env::var("KAFKA_RPC_BLESS").is_ok_and(|bless| bless == "1") {
        std::fs::write(COMMITTED, counted.written()).expect("the file can be written");
        return;
    }
    let committed = std::fs::read_to_string(COMMITTED).expect("the values are committed");
    let problems = counted.compare(&committed);
    assert!(
        problems.is_empty(),
        "{problems}\nIf that is meant, KAFKA_RPC_BLESS=1 cargo test -p kafka-rpc-tests --test \
         allocations writes {COMMITTED} anew: commit it, and say why."
    );
}

fn pure_parts(counted: &mut Counted) {
    counted.operation("encode arguments", || {
        let mut arguments = Arguments::named(2);
        1_i64.encode("a", &mut arguments);
        2_i64.encode("b", &mut arguments);
        black_box(arguments);
    });
    let arguments = [0x82, 0xa1, b'a', 1, 0xa1, b'b', 2];
    let command = Command {
        call_id: CallId::new(*b"instance", 1),
        service: "Desk",
        service_version: 0,
        method: "add",
        arguments: &arguments,
        reply_to: Some(ReplyAddress {
            topic: "Desk.results",
            partition: 1,
        }),
        budget_ms: 10_000,
        key: None,
        idempotency_key: None,
        attempt: 1,
        fingerprint: Some(1),
        sent: None,
    };
    counted.operation("encode a command", || {
        let mut out = Vec::new();
        command.encode(&mut out);
        black_box(out);
    });
    let mut encoded = Vec::new();
    command.encode(&mut encoded);
    counted.operation("preflight a command", || {
        preflight(black_box(&encoded)).expect("it is sound");
    });
    counted.operation("decode a command", || {
        black_box(wire::decode(black_box(&encoded)).expect("it is sound"));
    });
    counted.operation("decode arguments", || {
        let [a, b] =
            macro_support::arguments(black_box(&arguments), ["a", "b"]).expect("they are sound");
        assert_eq!(i64::decode(a, "a").ok(), Some(1));
        assert_eq!(i64::decode(b, "b").ok(), Some(2));
    });
    counted.operation("encode an answer", || {
        black_box(black_box(3_i64).answer().expect("a number can be encoded"));
    });
    let Ok(Answer::Value(answer)) = 3_i64.answer() else {
        panic!("a number can be encoded");
    };
    let reply = Reply {
        call_id: command.call_id,
        body: ReplyBody::Value(&answer),
        server: "server",
        times: StageTimes::default(),
        attempt: 1,
    };
    counted.operation("encode a reply", || {
        let mut out = Vec::new();
        reply.encode(&mut out);
        black_box(out);
    });
    let mut encoded = Vec::new();
    reply.encode(&mut encoded);
    counted.operation("decode a reply", || {
        black_box(wire::decode(black_box(&encoded)).expect("it is sound"));
    });
    counted.operation("decode an answer", || {
        assert_eq!(decode_value::<i64>(black_box(&answer)), Ok(3));
    });
}

/// Whole calls over the broker in memory, on this one thread.
async fn calls(counted: &mut Counted) {
    let broker = MemoryBroker::new();
    let topics = TopicSettings::default()
        .commands_partitions(1)
        .results_partitions(1);
    let _server = Server::builder(&broker)
        .create_topics(topics.clone())
        .service(DeskServer::new(Local))
        .start()
        .await
        .expect("the server starts");
    let client = Client::builder(&broker)
        .create_topics(topics)
        .connect()
        .await
        .expect("it connects");
    let desk: DeskClient = client.attach().await.expect("it attaches");
    broker.set_max_log_bytes(LOG_BYTES);

    let mut parts = [Count::default(); 3];
    for run in 0..WARM_UP + RUNS {
        let stages = call_in_parts(&desk).await;
        if run >= WARM_UP {
            for (sum, stage) in parts.iter_mut().zip(stages) {
                *sum = Count {
                    allocations: sum.allocations + stage.allocations,
                    bytes: sum.bytes + stage.bytes,
                    live_bytes: 0,
                };
            }
        }
    }
    let [sent, served, resolved] = parts;
    counted.0.push(("send a call", sent));
    counted.0.push(("serve a call, with the broker", served));
    counted.0.push(("resolve a call", resolved));

    let add = async || assert_eq!(desk.add(1, 2).await.ok(), Some(3));
    counted.call("a call", add).await;
    let mut data = vec![7; 64];
    let echo = async || data = desk.echo(take(&mut data)).await.expect("it is answered");
    counted.call("a call with 64 bytes", echo).await;
    assert_eq!(data, [7; 64]);

    // The time is paused, so that each deadline passes at once.
    let silence: SilenceClient = client.attach().await.expect("it attaches");
    let time_out = async || {
        let call = silence.ask(1, 2).timeout(Duration::from_millis(10));
        let code = call.await.expect_err("nobody answers").code();
        assert_eq!(code, Code::DeadlineExceeded);
    };
    counted.call("a timeout", time_out).await;
}

/// What a call allocates at its first poll, from then on until its reply is there, and at its last.
async fn call_in_parts(desk: &DeskClient) -> [Count; 3] {
    let mut context = Context::from_waker(Waker::noop());
    let start = HEAP.count();
    let mut call = desk.add(1, 2);
    let polled = Pin::new(&mut call).poll(&mut context);
    assert!(polled.is_pending());
    let sent = HEAP.count();
    // As many turns as everything takes that has to be done by then.
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    let served = HEAP.count();
    let Poll::Ready(ended) = Pin::new(&mut call).poll(&mut context) else {
        panic!("no reply came");
    };
    assert_eq!(ended.ok(), Some(3));
    drop(call);
    let resolved = HEAP.count();
    [sent - start, served - sent, resolved - served]
}

fn find(committed: &str, name: &str) -> Option<(u64, u64)> {
    let values = committed.lines().find_map(|line| {
        let (known, values) = line.split_once(": ")?;
        (known == name).then_some(values)
    })?;
    let (allocations, bytes) = values.split_once(' ')?;
    Some((allocations.parse().ok()?, bytes.parse().ok()?))
}
