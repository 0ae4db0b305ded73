//! What a process logs while its broker is away: each cause at most once every 10 s.
//!
//! The one test of its process, since it listens to all of it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_rpc::{Client, Kafka, Server};
use kafka_rpc_tests::broker::Broker;
use kafka_rpc_tests::load::{self, LoadClient, LoadServer, Local};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// How long the broker is away: two sessions, or a minute with `KAFKA_RPC_LONG=1`.
fn outage() -> Duration {
    let long = std::env::var_os("KAFKA_RPC_LONG").is_some();
    Duration::from_secs(if long { 60 } else { 14 })
}

/// The time between two lines of one cause.
const PAUSE: Duration = Duration::from_secs(10);

/// What is logged as a warning or as an error, and when.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Instant, String)>>>);

#[derive(Default)]
struct Line {
    facility: String,
    message: String,
    rest: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let into = match field.name() {
            "facility" => &mut self.facility,
            "message" => &mut self.message,
            _ => &mut self.rest,
        };
        let _ = write!(into, "{value:?} ");
    }
}

impl Line {
    /// What happened, without where and for how long; of what one server or one group says of itself,
    /// whose it was.
    fn cause(&self) -> String {
        let of_its_own = ["partitions lost", "isn't ready"];
        if of_its_own.iter().any(|own| self.message.contains(own)) {
            let whose = self.rest.split_whitespace().next().unwrap_or_default();
            return self.message.clone() + whose;
        }
        let text = self.message.split(" (after ").next().unwrap();
        let text = text.rsplit(": ").next().unwrap();
        format!("{}{}", self.facility, text.trim())
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        println!(
            "{} {} {}",
            event.metadata().target(),
            line.message,
            line.rest
        );
        let cause = format!("{} {}", event.metadata().target(), line.cause());
        self.0.lock().unwrap().push((Instant::now(), cause));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_logged_once_in_a_while() {
    let Some(mut broker) = Broker::builder().start_or_skip() else {
        return;
    };
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let kafka = Kafka::new(broker.bootstrap());
    let mut running = Vec::new();
    // Several services in one process are several times as many clients.
    for prefix in ["a.", "b.", "c."] {
        let server = Server::builder(&kafka)
            .topic_prefix(prefix)
            .create_topics(load::topics(2))
            .service(LoadServer::new(Local))
            .start()
            .await
            .unwrap();
        let client = Client::builder(&kafka).topic_prefix(prefix);
        let load: LoadClient = client.connect().await.unwrap().attach().await.unwrap();
        let warm = load.echo(vec![1]).timeout(Duration::from_secs(30));
        assert_eq!(warm.await.unwrap(), [1]);
        running.push((server, load));
    }

    broker.kill();
    let away = Instant::now();
    while away.elapsed() < outage() {
        for (_, load) in &running {
            let timeout = Duration::from_millis(500);
            tokio::spawn(load.echo(vec![2]).timeout(timeout));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lines = log.0.lock().unwrap().clone();
    let mut causes: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for (at, cause) in &lines {
        let at = at.saturating_duration_since(away);
        causes.entry(cause).or_default().push(at);
    }
    println!("{} lines: {causes:#?}", lines.len());
    assert!(!lines.is_empty(), "that it is away is logged");
    for (cause, times) in causes {
        for pair in times.windows(2) {
            assert!(
                pair[1] - pair[0] >= PAUSE - Duration::from_millis(500),
                "{cause}"
            );
        }
    }
}
