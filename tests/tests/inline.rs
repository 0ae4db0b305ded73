//! Handlers that run where their commands are read hold nobody up.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Condvar, Mutex};

use kafka_rpc::testing::MemoryBroker;
use kafka_rpc::{Client, Cluster, Kafka, Server, TopicSettings};

#[kafka_rpc::service]
trait Desk {
    /// Answers with its thread's name, at once, or, if it `blocks`, when the gate is opened; that
    /// blocks its thread.
    async fn work(&self, blocks: bool) -> String;

    /// Answers after it has waited for another task.
    async fn wait(&self) -> String;
}

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

struct Clerk(Arc<Gate>);

impl Desk for Clerk {
    async fn work(&self, blocks: bool) -> String {
        if blocks {
            let open = self.0.open.lock().unwrap();
            drop(self.0.opened.wait_while(open, |open| !*open).unwrap());
        }
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    async fn wait(&self) -> String {
        // Needs a runtime at its first poll.
        tokio::spawn(async { "waited".to_owned() }).await.unwrap()
    }
}

async fn desk(cluster: &impl Cluster, gate: &Arc<Gate>) -> (Server, DeskClient) {
    let topics = TopicSettings::default()
        .commands_partitions(1)
        .results_partitions(1);
    let server = Server::builder(cluster)
        .create_topics(topics.clone())
        .service(DeskServer::new(Clerk(Arc::clone(gate))))
        .start()
        .await
        .unwrap();
    let client = Client::builder(cluster).create_topics(topics);
    let desk = client.connect().await.unwrap().attach().await.unwrap();
    (server, desk)
}

const MANY: usize = 100;

/// The thread that reads commands from Kafka.
const READER: &str = "kafka-rpc-group";

/// Calls until handlers are trusted to be quick. How many it takes depends on how often the machine
/// holds a handler up.
async fn until_work_runs_where_it_is_read(desk: &DeskClient) {
    for _ in 0..100_000 {
        if desk.work(false).await.unwrap() == READER {
            return;
        }
    }
    panic!("no handler ran where its command was read");
}

async fn a_handler_that_blocks_its_thread_holds_up_no_other(
    server: Server,
    desk: DeskClient,
    gate: &Gate,
) {
    // Commands of one partition are read in order: this one before all that follow.
    let blocked: Vec<_> = (0..3)
        .map(|_| {
            let desk = desk.clone();
            tokio::spawn(async move { desk.work(true).await })
        })
        .collect();
    while server.stats().running < 3 {
        desk.work(false).await.unwrap();
    }
    for _ in 0..MANY {
        desk.work(false).await.unwrap();
        assert_eq!(desk.wait().await.unwrap(), "waited");
    }
    *gate.open.lock().unwrap() = true;
    gate.opened.notify_all();
    for blocked in blocked {
        blocked.await.unwrap().unwrap();
    }
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_handler_that_blocks_its_thread_holds_up_no_other_on_kafka() {
    let gate = Arc::<Gate>::default();
    let (server, desk) = desk(&Kafka::embedded().unwrap(), &gate).await;
    until_work_runs_where_it_is_read(&desk).await;
    a_handler_that_blocks_its_thread_holds_up_no_other(server, desk, &gate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_handler_that_blocks_its_thread_holds_up_no_other_in_memory() {
    let gate = Arc::<Gate>::default();
    let (server, desk) = desk(&MemoryBroker::new(), &gate).await;
    for _ in 0..MANY {
        desk.work(false).await.unwrap();
    }
    a_handler_that_blocks_its_thread_holds_up_no_other(server, desk, &gate).await;
}

#[tokio::test]
async fn handlers_that_wait_go_on_as_tasks_among_others_that_do_not() {
    let (server, desk) = desk(&Kafka::embedded().unwrap(), &Arc::default()).await;
    until_work_runs_where_it_is_read(&desk).await;
    let before = server.stats().answered;
    for _ in 0..5 {
        let calls: Vec<_> = (0..MANY)
            .map(|number| {
                let desk = desk.clone();
                tokio::spawn(async move {
                    if number % 10 == 0 {
                        assert_eq!(desk.wait().await.unwrap(), "waited");
                    } else {
                        desk.work(false).await.unwrap();
                    }
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
    }
    assert_eq!(server.stats().answered - before, 5 * MANY as u64);
    server.shutdown().await.unwrap();
}
