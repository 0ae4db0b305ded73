//! What a client promises in any runtime: on the broker in memory, mostly under paused time.

#![allow(clippy::unwrap_used)]

mod blocking;
mod faults;
mod future;
mod life;
mod partitions;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
