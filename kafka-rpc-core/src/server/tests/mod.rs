//! A server on the broker in memory, with a client that is written by hand.
#![allow(clippy::unwrap_used)]

mod calls;
mod clocks;
mod executors;
mod hand_over;
mod lifecycle;
mod logs;
mod notes;
mod rebalances;
mod refusals;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::call::Context;
use crate::call::{Answer, Failure};
use crate::server::{Server, ServerBuilder};
use crate::transport::Clock;
use crate::transport::memory::{MemoryBroker, MemoryNode, MemoryRecord};
use crate::transport::sealed::Open;
use crate::util::sync::lock;
use crate::wire::{
    self, CallId, Cancel, Command, Envelope, Reply, ReplyAddress, ReplyBody, Sent, StageTimes,
};
use crate::{Code, Descriptor, Dispatch, Method, Outcome, Service};

const COMMANDS: &str = "Desk.commands";
const RESULTS: &str = "Desk.results";

static DESK: Descriptor = Descriptor::new(
    "Desk",
    7,
    None,
    None,
    &[
        Method::new("echo"),
        Method::new("fail"),
        Method::new("panic"),
        Method::new("misread"),
        Method::new("hold"),
        Method::new("big"),
        Method::new("note").oneway(),
        Method::new("unspeakable"),
        Method::new("panic_in_drop"),
    ],
);

/// What the handlers of a [`Desk`] did.
#[derive(Default)]
struct Diary {
    started: Mutex<Vec<Vec<u8>>>,
    contexts: Mutex<Vec<Context>>,
    /// Handlers of `hold` that were dropped before their end.
    dropped: AtomicUsize,
    running: AtomicUsize,
    most_running: AtomicUsize,
}

impl Diary {
    fn started(&self) -> Vec<Vec<u8>> {
        lock(&self.started).clone()
    }
}

/// A service that shares the topics of [`Desk`], and has one method, `name`.
struct Bank;

static BANK: Descriptor = Descriptor::new(
    "Bank",
    0,
    Some(COMMANDS),
    Some(RESULTS),
    &[Method::new("name")],
);

impl Service for Bank {
    fn descriptor(&self) -> &'static Descriptor {
        &BANK
    }

    fn dispatch(&self, _: usize, _: Bytes) -> Dispatch {
        Box::pin(async { Ok(Answer::Value(b"\xa4Bank".to_vec())) })
    }
}

struct Desk {
    diary: Arc<Diary>,
    /// A permit lets one `hold` end.
    gate: Arc<Semaphore>,
}

/// Runs something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A `hold` at work.
struct Holding {
    diary: Arc<Diary>,
    ended: bool,
}

impl Holding {
    fn new(diary: Arc<Diary>) -> Self {
        let running = diary.running.fetch_add(1, SeqCst) + 1;
        diary.most_running.fetch_max(running, SeqCst);
        Self {
            diary,
            ended: false,
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.diary.running.fetch_sub(1, SeqCst);
        if !self.ended {
            self.diary.dropped.fetch_add(1, SeqCst);
        }
    }
}

impl Service for Desk {
    fn descriptor(&self) -> &'static Descriptor {
        &DESK
    }

    fn dispatch(&self, method: usize, arguments: Bytes) -> Dispatch {
        let diary = Arc::clone(&self.diary);
        let gate = Arc::clone(&self.gate);
        lock(&diary.started).push(arguments.to_vec());
        lock(&diary.contexts).push(Context::current().unwrap());
        Box::pin(async move {
            match DESK.methods[method].name {
                "echo" | "note" => Ok(Answer::Value(arguments.to_vec())),
                "fail" => Ok(Answer::App(arguments.to_vec())),
                "panic" => panic!("a secret of the handler"),
                "misread" => Err(Failure::Arguments("missing argument `a`".to_owned())),
                "hold" => {
                    let mut holding = Holding::new(diary);
                    gate.acquire().await.unwrap().forget();
                    holding.ended = true;
                    Ok(Answer::Value(arguments.to_vec()))
                }
                "big" => Ok(Answer::Value(vec![0; 1_000_000])),
                "unspeakable" => Err(Failure::Answer("a map key is missing".to_owned())),
                "panic_in_drop" => {
                    let _guard = OnDrop(|| panic!("a secret of the destructor"));
                    std::future::pending().await
                }
                _ => Err(Failure::Unimplemented),
            }
        })
    }
}

/// A broker, a process for the server, and a client that is written by hand.
struct Rig {
    broker: MemoryBroker,
    node: MemoryNode,
    clock: Arc<dyn Clock>,
    diary: Arc<Diary>,
    gate: Arc<Semaphore>,
    calls: AtomicUsize,
}

impl Rig {
    fn new() -> Self {
        let broker = MemoryBroker::new();
        broker.create_topic(COMMANDS, 2).unwrap();
        broker.create_topic(RESULTS, 2).unwrap();
        let node = broker.node("server");
        let clock = broker.open().unwrap().clock();
        Self {
            broker,
            node,
            clock,
            diary: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            calls: AtomicUsize::new(1),
        }
    }

    fn desk(&self) -> Desk {
        Desk {
            diary: Arc::clone(&self.diary),
            gate: Arc::clone(&self.gate),
        }
    }

    fn builder(&self) -> ServerBuilder {
        Server::builder(&self.node)
            .service(self.desk())
            .server_id("s1")
    }

    /// Starts the server, and waits until it has its partitions and has read what was there.
    async fn start(&self) -> Server {
        self.start_with(|builder| builder).await
    }

    async fn start_with(&self, set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
        let server = set(self.builder()).start().await.unwrap();
        self.ready(&server).await;
        server
    }

    /// Waits until both partitions are assigned: a cancel of a call that never was goes through.
    async fn ready(&self, server: &Server) {
        for partition in 0..2 {
            let before = server.stats().received;
            let mut value = Vec::new();
            Cancel {
                call_id: self.call_id(),
                service: "Desk",
            }
            .encode(&mut value);
            self.append(partition, value, Vec::new(), self.clock.wall_ms());
            until(|| server.stats().received > before).await;
        }
    }

    fn call_id(&self) -> CallId {
        CallId::new(*b"instance", self.calls.fetch_add(1, SeqCst) as u64)
    }

    /// A command for the method, 5 s of budget, reply to partition 1.
    fn command<'a>(&self, method: &'a str, arguments: &'a [u8]) -> Command<'a> {
        Command {
            call_id: self.call_id(),
            service: "Desk",
            service_version: 7,
            method,
            arguments,
            reply_to: Some(ReplyAddress {
                topic: RESULTS,
                partition: 1,
            }),
            budget_ms: 5_000,
            key: None,
            idempotency_key: None,
            attempt: 1,
            fingerprint: None,
            sent: None,
        }
    }

    fn append(
        &self,
        partition: u32,
        value: Vec<u8>,
        headers: Vec<(String, Vec<u8>)>,
        timestamp_ms: i64,
    ) -> i64 {
        let record = MemoryRecord {
            key: None,
            value: Some(value),
            headers,
            timestamp_ms,
        };
        self.broker.append(COMMANDS, partition, record).unwrap()
    }

    /// Sends a command to partition 0.
    fn send(&self, command: &Command<'_>) -> i64 {
        self.send_at(command, 0, self.clock.wall_ms())
    }

    fn send_at(&self, command: &Command<'_>, partition: u32, timestamp_ms: i64) -> i64 {
        let mut value = Vec::new();
        command.encode(&mut value);
        self.append(partition, value, Vec::new(), timestamp_ms)
    }

    fn cancel(&self, call_id: CallId) {
        let mut value = Vec::new();
        Cancel {
            call_id,
            service: "Desk",
        }
        .encode(&mut value);
        self.append(0, value, Vec::new(), self.clock.wall_ms());
    }

    /// Every reply so far, as call, body and the record's key.
    fn replies(&self) -> Vec<(CallId, Body)> {
        let records = self.broker.records(RESULTS, 1).unwrap();
        records
            .iter()
            .map(|record| {
                let value = record.value.as_deref().unwrap();
                let Ok(Envelope::Reply(reply)) = wire::decode(value) else {
                    panic!("not a reply");
                };
                assert_eq!(record.key.as_deref(), Some(&reply.call_id.as_bytes()[..]));
                assert_eq!(reply.server, "s1");
                (reply.call_id, Body::of(&reply))
            })
            .collect()
    }

    /// The reply to this call, once it is there.
    async fn reply(&self, call_id: CallId) -> Body {
        until(|| self.replies().iter().any(|(id, _)| *id == call_id)).await;
        let replies: HashMap<CallId, Body> = self.replies().into_iter().collect();
        replies[&call_id].clone()
    }

    async fn call(&self, method: &str, arguments: &[u8]) -> Body {
        let command = self.command(method, arguments);
        self.send(&command);
        self.reply(command.call_id).await
    }

    fn committed(&self, partition: u32) -> Option<i64> {
        self.broker.committed("Desk", COMMANDS, partition)
    }

    /// The end of a commands partition.
    fn end(&self, partition: u32) -> i64 {
        self.broker.watermarks(COMMANDS, partition).unwrap().1
    }

    /// Waits until everything is committed.
    async fn all_committed(&self) {
        until(|| {
            (0..2).all(|partition| self.committed(partition).unwrap_or(0) == self.end(partition))
        })
        .await;
    }
}

/// A reply's body, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Value(Vec<u8>),
    App(Vec<u8>),
    Error(Code, Outcome, String, Option<u32>),
}

impl Body {
    fn of(reply: &Reply<'_>) -> Self {
        match reply.body {
            ReplyBody::Value(value) => Self::Value(value.to_vec()),
            ReplyBody::App(value) => Self::App(value.to_vec()),
            ReplyBody::Error {
                code,
                outcome,
                message,
                retry_after_ms,
            } => Self::Error(code, outcome, message.to_owned(), retry_after_ms),
        }
    }

    /// Code, outcome and message of an error.
    #[track_caller]
    fn error(&self) -> (Code, Outcome, &str) {
        match self {
            Self::Error(code, outcome, message, _) => (*code, *outcome, message),
            other => panic!("no error: {other:?}"),
        }
    }
}

/// Waits for a condition, for a minute of the test's paused time at most.
#[track_caller]
fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..60_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("waited in vain at {caller}");
    }
}
