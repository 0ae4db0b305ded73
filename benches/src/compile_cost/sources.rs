//! The sources of services that are built: the same methods, each implemented and called once.

use super::Framework;

/// What an implementation does.
const BODY: &str = "vec![a.into(), b.len() as u64,";

/// The calls are boxed within a function, since the compiler would copy a closure into each place
/// where tokio's `block_on` polls it.
const MAIN_END: &str = "    println!(\"{}\", boxed(client).await?);
    Ok(())
}

#[inline(never)]
fn boxed(client: ManyClient) -> std::pin::Pin<Box<dyn Future<Output = Result<u64, Box<dyn Error>>>>> {
    Box::pin(call_all(client))
}
";

/// A program with a service of so many methods.
pub(super) fn program(framework: Framework, methods: usize) -> String {
    match framework {
        Framework::KafkaRpc => kafka_rpc(methods),
        Framework::Tarpc => tarpc(methods),
    }
}

/// One line a method.
fn lines(methods: usize, line: impl Fn(usize) -> String) -> String {
    (0..methods).map(line).collect()
}

fn kafka_rpc(methods: usize) -> String {
    let declared = lines(methods, |n| {
        format!("    async fn method_{n}(&self, a: u32, b: String) -> Vec<u64>;\n")
    });
    let implemented = lines(methods, |n| {
        format!("    async fn method_{n}(&self, a: u32, b: String) -> Vec<u64> {{ {BODY} {n}] }}\n")
    });
    let called = lines(methods, |n| {
        format!("    sum += client.method_{n}({n}, String::from(\"b\")).await?[0];\n")
    });
    format!(
        "use std::error::Error;

#[kafka_rpc::service]
pub trait Many {{
{declared}}}

struct Desk;

impl Many for Desk {{
{implemented}}}

async fn call_all(client: ManyClient) -> Result<u64, Box<dyn Error>> {{
    let mut sum = 0;
{called}    Ok(sum)
}}

#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Box<dyn Error>> {{
    let client = kafka_rpc::testing::in_process(ManyServer::new(Desk));
{MAIN_END}"
    )
}

/// Over a channel, where tarpc encodes nothing: over its other transports a method costs more.
fn tarpc(methods: usize) -> String {
    let declared = lines(methods, |n| {
        format!("    async fn method_{n}(a: u32, b: String) -> Vec<u64>;\n")
    });
    let implemented = lines(methods, |n| {
        format!(
            "    async fn method_{n}(self, _: Context, a: u32, b: String) -> Vec<u64> {{ {BODY} {n}] }}\n"
        )
    });
    let called = lines(methods, |n| {
        format!(
            "    sum += client.method_{n}(context::current(), {n}, String::from(\"b\")).await?[0];\n"
        )
    });
    format!(
        "use std::error::Error;

use futures::StreamExt as _;
use tarpc::context::{{self, Context}};
use tarpc::server::{{BaseChannel, Channel as _}};

#[tarpc::service]
pub trait Many {{
{declared}}}

#[derive(Clone)]
struct Desk;

impl Many for Desk {{
{implemented}}}

async fn call_all(client: ManyClient) -> Result<u64, Box<dyn Error>> {{
    let mut sum = 0;
{called}    Ok(sum)
}}

#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Box<dyn Error>> {{
    let (client, server) = tarpc::transport::channel::unbounded();
    let calls = BaseChannel::with_defaults(server).execute(Desk.serve());
    tokio::spawn(calls.for_each(async |call| drop(tokio::spawn(call))));
    let client = ManyClient::new(tarpc::client::Config::default(), client).spawn();
{MAIN_END}"
    )
}
