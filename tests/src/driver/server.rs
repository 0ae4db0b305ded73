//! The process that serves.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kafka_rpc::{Context, GroupProtocol, Kafka, Server};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use super::event::{Event, Phase, Receipt};
use super::history::Writer;
use super::workload::{Refusal, Workload, WorkloadServer, digest, topics};
use super::{READY, log, stalls};

/// How long a server may take to end what its clients have left behind.
const REST_PATIENCE: Duration = Duration::from_secs(15);

/// What a server process is told by its command line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// The brokers' addresses.
    pub brokers: String,
    /// The prefix of topics and groups.
    pub prefix: String,
    /// The folder of the history.
    pub folder: PathBuf,
    /// The number of this process.
    pub number: u32,
    /// How it is a member of its group.
    pub membership: Membership,
    /// Its static name, if it has one.
    pub instance: Option<String>,
}

/// How servers are members of their group.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Membership {
    /// They follow KIP-848, and otherwise the classic protocol.
    pub kip_848: bool,
    /// Each has a static name.
    pub named: bool,
}

/// Serves until SIGTERM, which shuts it down at once, or SIGINT, which lets it end first what it has.
///
/// # Errors
/// The server can't be started, or has to stop handlers.
pub async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let history = Arc::new(Writer::create(&options.folder, options.number)?);
    log::record_warnings(&history);
    stalls::watch(&history);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let handlers = Handlers {
        history: Arc::clone(&history),
        number: options.number,
        runs: AtomicU64::new(0),
    };
    let protocol = if options.membership.kip_848 {
        GroupProtocol::Consumer
    } else {
        GroupProtocol::Classic
    };
    let mut builder = Server::builder(&Kafka::new(&options.brokers).group_protocol(protocol))
        .topic_prefix(&options.prefix)
        .create_topics(topics())
        .service(WorkloadServer::new(handlers));
    if let Some(instance) = options.instance {
        builder = builder.instance(instance);
    }
    let server = builder.start().await?;
    println!("{READY}");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => rest(&server, &history).await,
    }
    server.shutdown().await?;
    Ok(())
}

/// Waits until nothing is queued or runs, and records what is left.
async fn rest(server: &Server, history: &Writer) {
    let idle = async {
        while server.stats().queued + server.stats().running > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // In vain, if something is left for ever: then it is recorded.
    let _ = tokio::time::timeout(REST_PATIENCE, idle).await;
    let stats = server.stats();
    history.record(Event::ServerAtRest {
        queued: stats.queued,
        running: stats.running,
    });
}

struct Handlers {
    history: Arc<Writer>,
    number: u32,
    runs: AtomicU64,
}

impl Handlers {
    /// Records that a handler begins.
    fn begin(&self, call: u64, data: &str) -> Run<'_> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let attempt = Context::current().map_or(0, |context| context.attempt());
        self.history.record(Event::Recv { call, run, attempt });
        self.history.record(Event::Effect {
            call,
            run,
            phase: Phase::Start,
        });
        Run {
            history: &self.history,
            receipt: Receipt {
                call,
                digest: digest(data),
                server: self.number,
                run,
            },
            returned: false,
        }
    }
}

/// A handler that runs.
struct Run<'h> {
    history: &'h Writer,
    receipt: Receipt,
    returned: bool,
}

impl Run<'_> {
    async fn work(&self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    fn end(mut self) -> Receipt {
        let Receipt { call, run, .. } = self.receipt;
        self.history.record(Event::Effect {
            call,
            run,
            phase: Phase::End,
        });
        self.history.record(Event::Reply { call, run });
        self.returned = true;
        self.receipt
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.returned {
            let Receipt { call, run, .. } = self.receipt;
            self.history.record(Event::Drop { call, run });
        }
    }
}

impl Workload for Handlers {
    async fn quick(&self, call: u64, data: String) -> Receipt {
        self.begin(call, &data).end()
    }

    async fn keyed(&self, _key: u64, call: u64, data: String, milliseconds: u64) -> Receipt {
        self.slow(call, data, milliseconds).await
    }

    async fn slow(&self, call: u64, data: String, milliseconds: u64) -> Receipt {
        let run = self.begin(call, &data);
        run.work(milliseconds).await;
        run.end()
    }

    async fn refuse(&self, call: u64, data: String) -> Result<Receipt, Refusal> {
        Err(Refusal(self.begin(call, &data).end()))
    }

    async fn tell(&self, call: u64, data: String) {
        self.begin(call, &data).end();
    }
}
