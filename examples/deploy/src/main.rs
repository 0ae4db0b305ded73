//! A server as it is deployed: probes over HTTP, a static name from the environment, and an orderly end
//! at SIGTERM. `README.md` beside it explains a rolling deploy step by step.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use kafka_rpc::{Kafka, Server, ServerHandle, ServerHealth, TopicSettings};
use kafka_rpc_examples::{Calculator, CalculatorServer, DivideError, brokers, terminated};

struct Desk;

impl Calculator for Desk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn divide(&self, a: i64, b: i64) -> Result<i64, DivideError> {
        if b == 0 {
            return Err(DivideError::ByZero);
        }
        a.checked_div(b).ok_or(DivideError::Overflow)
    }

    async fn ponder(&self, milliseconds: u64) -> String {
        tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
        "42".to_owned()
    }

    async fn note(&self, text: String) {
        println!("note: {text}");
    }
}

/// A probe's answer: the status that Kubernetes looks at, and the reasons for people.
fn answer(good: bool, health: &ServerHealth) -> (StatusCode, String) {
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, format!("{health}\n"))
}

async fn live(State(server): State<ServerHandle>) -> (StatusCode, String) {
    let health = server.health();
    answer(health.live, &health)
}

async fn ready(State(server): State<ServerHandle>) -> (StatusCode, String) {
    let health = server.health();
    answer(health.ready, &health)
}

fn probes(server: ServerHandle) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .with_state(server)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = Server::builder(&Kafka::new(brokers()))
        .create_topics(TopicSettings::default())
        .service(CalculatorServer::new(Desk));
    // A pod of a StatefulSet has the same name again after a restart.
    if let Ok(name) = std::env::var("POD_NAME") {
        builder = builder.instance(&name).server_id(name);
    }
    // A wrong setting, a missing right, an unreachable broker: the pod fails here, and its log says why.
    let server = builder.start().await?;

    let listener = tokio::net::TcpListener::bind(("0.0.0.0", 8080)).await?;
    tokio::spawn(axum::serve(listener, probes(server.handle())).into_future());

    println!("serving Calculator on {}", brokers());
    Ok(server.run_until(terminated()).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kafka_rpc::testing::MemoryBroker;

    use super::*;

    #[tokio::test]
    async fn the_probes_follow_the_server() {
        let broker = MemoryBroker::new();
        let server = Server::builder(&broker)
            .create_topics(TopicSettings::default())
            .service(CalculatorServer::new(Desk))
            .start()
            .await
            .unwrap();
        let handle = server.handle();
        handle.ready().await.unwrap();
        assert_eq!(live(State(handle.clone())).await.0, StatusCode::OK);
        assert_eq!(ready(State(handle.clone())).await.0, StatusCode::OK);
        server.shutdown().await.unwrap();
        let (status, reasons) = ready(State(handle.clone())).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reasons.contains("shut down"), "{reasons}");
        let (status, _) = live(State(handle)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
