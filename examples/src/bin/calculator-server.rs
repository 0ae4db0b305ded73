//! Serves the calculator on real Kafka until Ctrl-C or SIGTERM; its client is `calculator-client`.

use std::time::Duration;

use kafka_rpc::{Kafka, Server, TopicSettings};
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
        println!("pondering for {milliseconds} ms");
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        "42".to_owned()
    }

    async fn note(&self, text: String) {
        println!("note: {text}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::new(brokers());
    let server = Server::builder(&kafka)
        .create_topics(TopicSettings::default())
        .service(CalculatorServer::new(Desk))
        .start()
        .await?;
    println!("serving Calculator on {}", brokers());

    let handle = server.handle();
    server.run_until(terminated()).await?;
    println!("stopped: {:?}", handle.stats());
    Ok(())
}
