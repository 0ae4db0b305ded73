//! The process that calls.

use std::collections::HashSet;
use std::error::Error;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use fastrand::Rng;
use kafka_rpc::{Call, CallError, Client, ClientStats, Kafka, RpcError};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::event::{ClientAtRest, Event, Method, Outcome, Receipt};
use super::history::Writer;
use super::workload::{Mix, PARTITIONS, Plan, Refusal, WorkloadClient, digest, topics};
use super::{READY, log, stalls};

/// How long the servers may take before they serve every partition.
const WARM_UP: Duration = Duration::from_secs(30);
/// How much longer than the longest timeout the last calls may take before they count as endless.
const REST_PATIENCE: Duration = Duration::from_secs(25);

/// What a client process is told by its command line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// The brokers' addresses.
    pub brokers: String,
    /// The prefix of topics.
    pub prefix: String,
    /// The folder of the history.
    pub folder: PathBuf,
    /// The number of this process.
    pub number: u32,
    /// Which calls it makes.
    pub mix: Mix,
    /// How many it makes in a second.
    pub rate: u32,
    /// What decides them.
    pub seed: u64,
    /// How many servers must have answered before it begins, so that none is about to join.
    pub servers: usize,
}

type Ending = Pin<Box<dyn Future<Output = Event> + Send>>;

/// Makes calls until SIGTERM, then waits for their ends.
///
/// # Errors
/// The client can't be connected, or the servers don't serve.
pub async fn call(options: Options) -> Result<(), Box<dyn Error>> {
    let history = Arc::new(Writer::create(&options.folder, options.number)?);
    log::record_warnings(&history);
    stalls::watch(&history);
    let mut terminate = signal(SignalKind::terminate())?;
    let client = Client::builder(&Kafka::new(&options.brokers))
        .topic_prefix(&options.prefix)
        .create_topics(topics())
        .connect()
        .await?;
    let mut caller = Caller {
        workload: client.attach().await?,
        history: Arc::clone(&history),
        next: u64::from(options.number) << 32,
    };
    let mut rng = Rng::with_seed(options.seed ^ u64::from(options.number));
    caller.warm_up(&mut rng, options.servers).await?;
    println!("{READY}");

    let mut calls = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / options.rate);
    // After a stall it goes on at its rate.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = ticks.tick() => {
                let plan = Plan::draw(&mut rng, options.mix);
                caller.begin(plan, &mut calls).await;
            }
            Some(_) = calls.join_next(), if !calls.is_empty() => {}
        }
    }
    let ended = async { while calls.join_next().await.is_some() {} };
    // In vain, if a call never ends: then its end is missing from the history.
    let _ = tokio::time::timeout(REST_PATIENCE, ended).await;
    history.record(Event::ClientAtRest(at_rest(&client.stats())));
    Ok(())
}

struct Caller {
    workload: WorkloadClient,
    history: Arc<Writer>,
    next: u64,
}

impl Caller {
    fn invoke(&mut self, plan: &Plan) -> u64 {
        let call = self.next;
        self.next += 1;
        self.history.record(Event::Invoke {
            call,
            method: plan.method,
            key: plan.key,
            digest: digest(&plan.data),
            timeout_ms: u64::try_from(plan.timeout.as_millis()).unwrap_or(u64::MAX),
        });
        call
    }

    /// Calls on all partitions until each is served, and by so many servers.
    async fn warm_up(&mut self, rng: &mut Rng, servers: usize) -> Result<(), Box<dyn Error>> {
        let until = tokio::time::Instant::now() + WARM_UP;
        loop {
            let mut owners = HashSet::new();
            for partition in 0..PARTITIONS {
                owners.insert(self.owner(rng, partition).await?);
            }
            if owners.len() >= servers {
                return Ok(());
            }
            if tokio::time::Instant::now() > until {
                return Err(format!("only the servers {owners:?} serve").into());
            }
            // A rebalance is under way; each round of calls takes its time.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Which server serves a partition.
    async fn owner(&mut self, rng: &mut Rng, partition: u32) -> Result<u32, Box<dyn Error>> {
        let mut plan = Plan::draw(rng, Mix::Quick);
        (plan.method, plan.key, plan.timeout) = (Method::Quick, None, WARM_UP);
        let call = self.invoke(&plan);
        let quick = self.workload.quick(call, plan.data).timeout(plan.timeout);
        let end = value(call, quick.partition(partition)).await;
        let owner = match &end {
            Event::Ok { receipt, .. } => receipt.map(|receipt| receipt.server),
            _ => None,
        };
        self.history.record(end);
        owner.ok_or_else(|| format!("partition {partition} isn't served").into())
    }

    /// Polls a call for the first time, so that calls are sent in the order of their numbers, and
    /// leaves the rest to a task.
    async fn begin(&mut self, plan: Plan, calls: &mut JoinSet<()>) {
        let call = self.invoke(&plan);
        let (timeout, cancel_after) = (plan.timeout, plan.cancel_after);
        let mut ending = self.ending(call, plan, timeout);
        let first =
            std::future::poll_fn(|context| Poll::Ready(ending.as_mut().poll(context))).await;
        let history = Arc::clone(&self.history);
        match first {
            Poll::Ready(end) => history.record(end),
            Poll::Pending => {
                calls.spawn(async move {
                    let end = match cancel_after {
                        None => ending.await,
                        Some(patience) => tokio::time::timeout(patience, &mut ending)
                            .await
                            .unwrap_or_else(|_| {
                                drop(ending);
                                Event::Cancel { call }
                            }),
                    };
                    history.record(end);
                });
            }
        }
    }

    fn ending(&self, call: u64, plan: Plan, timeout: Duration) -> Ending {
        let Plan {
            method,
            key,
            data,
            milliseconds,
            ..
        } = plan;
        let workload = &self.workload;
        match method {
            Method::Quick => Box::pin(value(call, workload.quick(call, data).timeout(timeout))),
            Method::Keyed => {
                let key = key.unwrap_or_default();
                let keyed = workload.keyed(key, call, data, milliseconds);
                Box::pin(value(call, keyed.timeout(timeout)))
            }
            Method::Slow | Method::Hang | Method::Long => {
                let slow = workload.slow(call, data, milliseconds);
                Box::pin(value(call, slow.timeout(timeout)))
            }
            Method::Refuse => {
                let refuse = workload.refuse(call, data).timeout(timeout);
                Box::pin(async move {
                    match refuse.await {
                        Ok(receipt) => Event::Ok {
                            call,
                            receipt: Some(receipt),
                        },
                        Err(CallError::App(Refusal(receipt))) => Event::Failed { call, receipt },
                        Err(CallError::Rpc(error)) => failure(call, &error),
                    }
                })
            }
            Method::Tell => {
                let tell = workload.tell(call, data).timeout(timeout);
                Box::pin(async move {
                    match tell.await {
                        Ok(()) => Event::Ok {
                            call,
                            receipt: None,
                        },
                        Err(error) => failure(call, &error),
                    }
                })
            }
        }
    }
}

async fn value(call: u64, pending: Call<Receipt, RpcError>) -> Event {
    match pending.await {
        Ok(receipt) => Event::Ok {
            call,
            receipt: Some(receipt),
        },
        Err(error) => failure(call, &error),
    }
}

fn failure(call: u64, error: &RpcError) -> Event {
    Event::Err {
        call,
        code: error.code().name().to_owned(),
        outcome: match error.outcome() {
            kafka_rpc::Outcome::NotRun => Outcome::NotRun,
            kafka_rpc::Outcome::Ran => Outcome::Ran,
            kafka_rpc::Outcome::Unknown => Outcome::Unknown,
        },
        from_server: error.server().is_some(),
    }
}

fn at_rest(stats: &ClientStats) -> ClientAtRest {
    ClientAtRest {
        in_flight: stats.in_flight,
        started: stats.started,
        answered: stats.answered,
        acknowledged: stats.acknowledged,
        expired: stats.expired,
        cancelled: stats.cancelled,
        disconnected: stats.disconnected,
        failed: stats.failed,
        refused: stats.refused,
    }
}
