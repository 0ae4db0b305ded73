//! Which threads wait for their turn.
//!
//! The one test of its process, since it looks at all threads.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;

use kafka_rpc::{Client, Kafka, Server};
use kafka_rpc_tests::load::{self, LoadClient, LoadServer, Local};

/// The names of the threads of the kernel's batch policy.
fn patient() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| {
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
            let (head, tail) = stat.rsplit_once(')')?;
            // The 41st field of `proc_pid_stat(5)`; the tail begins with the third.
            let policy = tail.split_whitespace().nth(38)?;
            let batch = "3";
            (policy == batch).then(|| head.split_once('(').unwrap().1.to_owned())
        })
        .collect();
    names.sort();
    names
}

/// A producer's threads take nobody's place when the first of many records wakes them.
#[tokio::test]
async fn the_threads_of_producers_wait_for_their_turn() {
    let kafka = Kafka::embedded().unwrap();
    assert!(patient().is_empty());
    let server = Server::builder(&kafka)
        .create_topics(load::topics(1))
        .service(LoadServer::new(Local));
    let _server = server.start().await.unwrap();
    let client = Client::connect(&kafka).await.unwrap();
    let load: LoadClient = client.attach().await.unwrap();
    assert_eq!(load.echo(vec![1]).await.unwrap(), [1]);
    let patient = patient();
    assert!(
        patient.iter().all(|name| name.starts_with("rdk:")),
        "{patient:?}"
    );
    // The client's producer has one of these, and the server's.
    assert_eq!(patient.iter().filter(|name| *name == "rdk:main").count(), 2);
}
