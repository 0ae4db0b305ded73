//! Layers of a test's own, on a client of the broker in memory.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::{BoxFuture, Layer, Service};
use crate::call::{Arguments, Request, Response};
use crate::macro_support::{Answer, Failure};
use crate::testing::{Fate, fail_next, in_process};
use crate::transport::TransportErrorKind;
use crate::transport::memory::MemoryBroker;
use crate::util::sync::lock;
use crate::wire::{self, Envelope};
use crate::{
    Binding, Call, Client, Code, Context, Descriptor, Dispatch, Method, Outcome, RpcError, Server,
    ServiceClient, ServiceServer, TopicSettings,
};

const COMMANDS: &str = "Desk.commands";

static DESK: Descriptor = Descriptor::new(
    "Desk",
    0,
    None,
    None,
    &[
        Method::new("echo"),
        Method::new("note").oneway(),
        Method::new("hold"),
    ],
);

/// What the server has seen of each call.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Vec<Context>>>);

impl crate::Service for Desk {
    fn descriptor(&self) -> &'static Descriptor {
        &DESK
    }

    fn dispatch(&self, method: usize, arguments: Bytes) -> Dispatch {
        let seen = Arc::clone(&self.0);
        Box::pin(async move {
            lock(&*seen).push(Context::current().unwrap());
            match method {
                0 | 1 => Ok(Answer::Value(arguments.to_vec())),
                2 => std::future::pending().await,
                _ => Err(Failure::Unimplemented),
            }
        })
    }
}

impl ServiceServer for Desk {
    type Client = DeskClient;
}

struct DeskClient(Binding);

impl ServiceClient for DeskClient {
    const DESCRIPTOR: &'static Descriptor = &DESK;

    fn from_binding(binding: Binding) -> Self {
        Self(binding)
    }

    fn binding(&self) -> &Binding {
        &self.0
    }
}

impl DeskClient {
    /// Answered with its argument, in an array.
    fn echo(&self, n: u64) -> Call<Vec<u64>, RpcError> {
        self.0.call(DESK.method(0), argument(n), None)
    }

    fn note(&self) -> Call<(), RpcError> {
        self.0.call_oneway(DESK.method(1), argument(1), None)
    }

    /// Never answered.
    fn hold(&self) -> Call<Vec<u64>, RpcError> {
        self.0.call(DESK.method(2), argument(1), None)
    }

    fn push<F>(&self, run: F)
    where
        F: Fn(Request, Arc<dyn Service>) -> Ended + Send + Sync + 'static,
    {
        let layer = Around(Arc::new(run));
        self.0.connection().layers.push(&layer);
    }
}

fn argument(n: u64) -> Arguments {
    let mut arguments = Arguments::positional(1);
    arguments.add("n", &n);
    arguments
}

type Ended = BoxFuture<Result<Response, RpcError>>;

/// A layer that is a function of a request and what it stands on.
struct Around<F>(Arc<F>);

struct AroundService<F> {
    run: Arc<F>,
    inner: Arc<dyn Service>,
}

impl<F> Layer for Around<F>
where
    F: Fn(Request, Arc<dyn Service>) -> Ended + Send + Sync + 'static,
{
    fn layer(&self, inner: Arc<dyn Service>) -> Arc<dyn Service> {
        let run = Arc::clone(&self.0);
        Arc::new(AroundService { run, inner })
    }
}

impl<F> Service for AroundService<F>
where
    F: Fn(Request, Arc<dyn Service>) -> Ended + Send + Sync,
{
    fn call(&self, request: Request) -> Ended {
        (self.run)(request, Arc::clone(&self.inner))
    }
}

struct Setup {
    broker: MemoryBroker,
    served: Desk,
    _server: Server,
    client: Client,
    desk: DeskClient,
}

async fn setup() -> Setup {
    let broker = MemoryBroker::new();
    let topics = TopicSettings::default()
        .commands_partitions(1)
        .results_partitions(1);
    let served = Desk::default();
    let server = Server::builder(&broker)
        .create_topics(topics)
        .service(served.clone())
        .start()
        .await
        .unwrap();
    let client = Client::connect(&broker).await.unwrap();
    Setup {
        desk: client.attach().await.unwrap(),
        broker,
        served,
        _server: server,
        client,
    }
}

impl Setup {
    /// How many records the commands topic holds, and whether the last one is a cancel.
    fn commands(&self) -> (usize, bool) {
        let records = self.broker.records(COMMANDS, 0).unwrap();
        let cancels = records.last().is_some_and(|record| {
            let value = record.value.as_deref().unwrap();
            matches!(wire::decode(value), Ok(Envelope::Cancel(_)))
        });
        (records.len(), cancels)
    }
}

fn refused(text: &str) -> RpcError {
    RpcError::new(Code::PermissionDenied, Outcome::NotRun, text)
}

#[tokio::test(start_paused = true)]
async fn a_layer_answers_by_itself() {
    let it = setup().await;
    it.desk.push(|_, _| {
        let answer = Answer::Value(vec![0x91, 7]);
        Box::pin(async { Ok(answer.into()) })
    });
    let reply = it.desk.echo(1).with_metadata().await.unwrap();
    assert_eq!((reply.value, reply.attempt), (vec![7], 1));
    assert_eq!(reply.server, "");
    it.desk.note().await.unwrap();
    assert_eq!(it.client.stats().started, 0);
    assert_eq!(it.commands(), (0, false));
}

#[tokio::test(start_paused = true)]
async fn a_layer_refuses() {
    let it = setup().await;
    assert_eq!(it.desk.echo(1).await.unwrap(), [1]);
    it.desk.push(|request, inner| {
        if request.key.is_some() {
            return inner.call(request);
        }
        Box::pin(async { Err(refused("no key")) })
    });
    let error = it.desk.echo(2).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert_eq!(it.desk.echo(3).key("k").await.unwrap(), [3]);
    assert_eq!(it.client.stats().started, 2);
}

#[tokio::test(start_paused = true)]
async fn layers_change_headers_from_the_last_pushed_to_the_first() {
    let it = setup().await;
    for name in ["first", "second"] {
        it.desk.push(move |mut request, inner| {
            request.headers.push(("by".to_owned(), name.into()));
            inner.call(request)
        });
    }
    let call = it.desk.echo(1).header("by", "caller");
    let id = call.id();
    assert_eq!(call.await.unwrap(), [1]);
    let seen = lock(&*it.served.0)[0].clone();
    assert_eq!(seen.call_id(), id);
    let by: Vec<_> = seen.headers().map(|(_, value)| value.to_vec()).collect();
    assert_eq!(
        by,
        [b"caller".to_vec(), b"second".to_vec(), b"first".to_vec()]
    );
}

/// Sends a request again, once, if its command certainly isn't in the log.
fn retry(request: Request, inner: Arc<dyn Service>) -> Ended {
    Box::pin(async move {
        let mut again = request.clone();
        match inner.call(request).await {
            Err(error) if error.outcome() == Outcome::NotRun => {
                again.attempt += 1;
                inner.call(again).await
            }
            ended => ended,
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_layer_sends_a_request_twice() {
    let kind = TransportErrorKind::Unavailable;
    for fate in [Fate::Refused(kind), Fate::NotPersisted(kind)] {
        let it = setup().await;
        it.desk.push(retry);
        it.broker.faults().next_produced(COMMANDS, fate, 1).unwrap();
        let call = it.desk.echo(5).key("k").header("h", "v").with_metadata();
        let reply = call.await.unwrap();
        assert_eq!((reply.value, reply.attempt), (vec![5], 2));
        let seen = lock(&*it.served.0)[0].clone();
        assert_eq!((seen.attempt(), seen.call_id()), (2, reply.call_id));
        assert_eq!(seen.key(), Some(&b"k"[..]));
        assert_eq!(seen.header("h"), Some(&b"v"[..]));
        let stats = it.client.stats();
        assert_eq!((stats.started, stats.failed, stats.answered), (2, 1, 1));
        assert_eq!((stats.in_flight, it.commands()), (0, (1, false)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_a_layer_drops_is_cancelled_before_the_next() {
    let it = setup().await;
    it.desk.push(|request, inner| {
        Box::pin(async move {
            let mut again = request.clone();
            let timeout = Duration::from_millis(5);
            match tokio::time::timeout(timeout, inner.call(request)).await {
                Ok(ended) => ended,
                Err(_) => {
                    again.attempt += 1;
                    again.deadline = tokio::time::Instant::now().into_std() + timeout;
                    inner.call(again).await
                }
            }
        })
    });
    let error = it.desk.hold().await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    let stats = it.client.stats();
    assert_eq!((stats.started, stats.cancelled, stats.expired), (2, 1, 1));
    assert_eq!(it.broker.records(COMMANDS, 0).unwrap().len(), 3);
    assert!(lock(&*it.served.0)[0].is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_layered_call_that_is_dropped_is_cancelled() {
    let it = setup().await;
    it.desk.push(|request, inner| inner.call(request));
    let mut call = it.desk.hold();
    let mut context = std::task::Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut call).poll(&mut context).is_pending());
    assert_eq!(it.client.stats().in_flight, 1);
    drop(call);
    let stats = it.client.stats();
    assert_eq!((stats.in_flight, stats.cancelled), (0, 1));
    assert_eq!(it.commands(), (2, true));
}

#[tokio::test(start_paused = true)]
async fn a_layered_call_has_all_its_metadata() {
    let it = setup().await;
    it.desk.push(|request, inner| inner.call(request));
    let reply = it.desk.echo(1).with_metadata().await.unwrap();
    assert!(!reply.server.is_empty());
    assert_eq!(it.client.stats().stages.calls, 1);
    let reply = it.desk.note().with_metadata().await.unwrap();
    assert!(reply.times.acknowledged.is_some());
    let error = it.desk.hold().timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRun);
    let error = it.desk.echo(1).partition(1).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[test]
fn a_layered_call_blocks_a_thread() {
    let desk = in_process(Desk::default());
    desk.push(|request, inner| inner.call(request));
    assert_eq!(desk.echo(1).wait().unwrap(), [1]);
    assert_eq!(desk.echo(2).with_metadata().wait().unwrap().value, [2]);
}

#[tokio::test]
async fn a_layered_call_that_blocks_its_only_thread_ends_by_its_deadline() {
    let it = setup().await;
    it.desk.push(|request, inner| inner.call(request));
    let call = it.desk.hold().timeout(Duration::from_millis(1));
    assert_eq!(call.wait().unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(it.client.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn injected_errors_reach_calls_of_every_kind_and_are_not_counted() {
    let it = setup().await;
    assert_eq!(it.desk.echo(1).await.unwrap(), [1]);
    let other: DeskClient = it.client.attach().await.unwrap();
    let mut context = std::task::Context::from_waker(Waker::noop());
    for (method, text) in [
        ("note", "0"),
        ("echo", "1"),
        ("echo", "2"),
        ("echo", "3"),
        ("hold", "4"),
    ] {
        fail_next(&it.desk, method, refused(text));
    }
    let text = |error: RpcError| error.message().to_owned();
    // One that is dropped before its first poll takes none.
    drop(it.desk.echo(0));
    assert_eq!(text(it.desk.echo(1).await.unwrap_err()), "1");
    assert_eq!(
        text(it.desk.echo(1).with_metadata().await.unwrap_err()),
        "2"
    );
    assert_eq!(text(other.echo(1).wait().unwrap_err()), "3");
    assert_eq!(text(it.desk.note().await.unwrap_err()), "0");
    let mut hold = it.desk.hold();
    assert!(Pin::new(&mut hold).poll(&mut context).is_ready());
    drop(hold);
    assert_eq!(it.client.stats().started, 1);
    assert_eq!(other.echo(4).await.unwrap(), [4]);
    assert_eq!(it.client.stats().started, 2);
}
