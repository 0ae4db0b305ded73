//! Tests of services without Kafka.
//!
//! [`in_process`] runs any implementation of a service trait behind its generated client, through
//! the full encode, dispatch and decode; [`fail_next`] makes that client's calls fail as the
//! framework would. [`MemoryBroker`] is a whole broker for tests of several clients and servers,
//! and of faults between them.

use std::sync::Arc;

use crate::middleware::fault;
pub use crate::transport::memory::{Access, Fate, Faults, MemoryBroker, MemoryNode, MemoryRecord};
use crate::{Client, RpcError, Server, ServiceClient, ServiceServer, TopicSettings};

/// A client of `server`, which runs in this process for as long as the client lives.
///
/// Each call is encoded, travels through an in-memory broker of its own, is dispatched and
/// answered as on Kafka, and is decoded. The broker runs on the current tokio runtime, if there is
/// one: on a current-thread runtime, as that of `#[tokio::test]`, await calls instead of `.wait()`.
///
/// # Panics
/// If the server can't be started, which in memory means that the service's declared names are no
/// names of topics.
pub fn in_process<S: ServiceServer>(server: S) -> S::Client
where
    S::Client: 'static,
{
    let broker = MemoryBroker::new();
    // In memory every step is done at its first poll, so that waiting never blocks a runtime.
    let started = Server::builder(&broker)
        .create_topics(
            TopicSettings::default()
                .commands_partitions(1)
                .results_partitions(1),
        )
        .service(server)
        .start()
        .wait();
    let attached = started.and_then(|server| {
        let client: S::Client = Client::connect(&broker).wait()?.attach().wait()?;
        client.binding().connection().keep(|| Arc::new(server));
        Ok(client)
    });
    match attached {
        Ok(client) => client,
        Err(error) => panic!("the service can't run in process: {error}"),
    }
}

/// Makes the next call of `method` on this client, or on a clone of it, fail with `error` instead
/// of being sent. Several are taken in order. Such a call isn't counted. A call that can't be made at all,
/// for its arguments or its timeout, takes none.
///
/// `method` is the name on the wire, which is the method's own unless the trait says otherwise.
///
/// # Panics
/// If the service has no such method.
pub fn fail_next<C: ServiceClient>(client: &C, method: &str, error: RpcError) {
    let descriptor = C::DESCRIPTOR;
    assert!(
        descriptor.methods.iter().any(|known| known.name == method),
        "service {} has no method `{method}`",
        descriptor.name
    );
    let connection = client.binding().connection();
    connection
        .keep(|| fault::Faults::install(&connection.layers))
        .push(descriptor.name, method, error);
}
