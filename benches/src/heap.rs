//! Heap allocations of a call, counted in the client's and the server's process on a real Kafka.
//!
//! What librdkafka's C code allocates doesn't go through Rust's allocator and isn't counted. The
//! handlers allocate nothing of their own.

use kafka_rpc::{RpcError, Server};
use kafka_rpc_tests::topics::Topics;
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::HEAP;
use crate::cluster::Cluster;
use crate::contestant::{last_line, own, serve, spawn};
use crate::measure::{Outcome, Plan};
use crate::probe::{ProbeClient, ProbeServer, Prompt};
use crate::rpc;

/// For the first calls' buffers, tables and connections.
const WARM_UP: usize = 2_000;
const DATA_BYTES: usize = 64;

/// Of one call, on average.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct PerCall {
    in_flight: usize,
    /// `add` has nothing on the heap; `echo` has its data, which is one allocation on each side that
    /// decodes it.
    method: Method,
    client_allocations: f64,
    client_bytes: f64,
    server_allocations: f64,
    server_bytes: f64,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    Add,
    Echo,
}

/// Counts for one and for many calls in flight, and prints them.
pub(crate) fn measure(cluster: &Cluster, calls: usize) -> Outcome<Vec<PerCall>> {
    println!("\nheap allocations per call, on Kafka (without those of librdkafka's C code)");
    println!(
        "  {:<12}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "in flight", "client", "bytes", "server", "bytes"
    );
    let mut rows = Vec::new();
    for in_flight in [1, 64] {
        let topics = Topics::new(&cluster.brokers);
        let mut plan = Plan {
            brokers: cluster.brokers.clone(),
            commands: topics.create("commands", 1),
            results: topics.create("results", 1),
            command_bytes: 0,
            reply_bytes: 0,
            in_flight,
            seconds: 0.0,
            server_pid: 0,
        };
        let mut server = serve(&own("rpc", "counted-server")?, &plan.options())?;
        plan.server_pid = server.pid();
        let mut line = own("rpc", "counted-client")?;
        line.extend(plan.options());
        let client = spawn(&line, &[calls.to_string()])?;
        let line = last_line(client, &mut server, 60.0)?;
        let counted: Counted = serde_json::from_str(&line)?;
        for row in counted.methods {
            row.print();
            rows.push(row);
        }
    }
    Ok(rows)
}

/// What the client prints.
#[derive(Debug, Deserialize, Serialize)]
struct Counted {
    methods: Vec<PerCall>,
}

impl PerCall {
    fn print(&self) {
        let method = match self.method {
            Method::Add => "add(i64, i64)",
            Method::Echo => "echo(64 B)",
        };
        println!(
            "  {method:<14}{:>8}{:>10.2}{:>10.0}{:>10.2}{:>10.0}",
            self.in_flight,
            self.client_allocations,
            self.client_bytes,
            self.server_allocations,
            self.server_bytes,
        );
    }
}

/// Serves, and counts its own allocations.
pub(crate) fn server(name: &str, plan: &Plan) -> Outcome {
    HEAP.begin();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let _server = Server::builder(&rpc::kafka(name, plan)?)
            .topic_prefix(rpc::prefix(plan)?)
            .service(ProbeServer::new(Prompt))
            .start()
            .await?;
        println!("serving");
        std::future::pending().await
    })
}

/// Calls, and prints how many allocations it counted itself and was told by the server.
pub(crate) fn client(name: &str, plan: &Plan, calls: &str) -> Outcome {
    let calls: usize = calls.parse()?;
    HEAP.begin();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let methods = LocalSet::new().block_on(&runtime, async {
        let client = rpc::options(name, plan)?.connect().await?;
        let probe: ProbeClient = client.attach().await?;
        let mut rows = Vec::new();
        for method in [Method::Add, Method::Echo] {
            all(&probe, method, plan.in_flight, WARM_UP).await?;
            let server_before = probe.allocations().await?;
            let before = HEAP.count();
            all(&probe, method, plan.in_flight, calls).await?;
            let count = HEAP.count() - before;
            let server_after = probe.allocations().await?;
            let each = |total: u64| total as f64 / calls as f64;
            rows.push(PerCall {
                in_flight: plan.in_flight,
                method,
                client_allocations: each(count.allocations),
                client_bytes: each(count.bytes),
                server_allocations: each(server_after.0 - server_before.0),
                server_bytes: each(server_after.1 - server_before.1),
            });
        }
        Outcome::Ok(rows)
    })?;
    println!("{}", serde_json::to_string(&Counted { methods })?);
    Ok(())
}

async fn all(probe: &ProbeClient, method: Method, callers: usize, calls: usize) -> Outcome {
    let each = (calls / callers).max(1);
    let callers: Vec<_> = (0..callers)
        .map(|_| tokio::task::spawn_local(some(probe.clone(), method, each)))
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

async fn some(probe: ProbeClient, method: Method, calls: usize) -> Result<(), RpcError> {
    let mut data = vec![0; DATA_BYTES];
    for _ in 0..calls {
        match method {
            Method::Add => {
                probe.add(1, 2).await?;
            }
            Method::Echo => data = probe.echo(data).await?,
        }
    }
    Ok(())
}
