//! A service, its server and its client in one process, on the small cluster that librdkafka
//! brings along: nothing to install, nothing to start.

use std::time::Duration;

use kafka_rpc::{Client, Kafka, Server, TopicSettings};
use serde::{Deserialize, Serialize};

/// Arithmetic over Kafka.
#[kafka_rpc::service]
pub trait Calculator {
    /// Adds two numbers.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Divides `a` by `b`.
    async fn divide(&self, a: i64, b: i64) -> Result<i64, DivideError>;
    /// Takes its time.
    async fn ponder(&self, seconds: u64) -> String;
}

/// Why a division has no result.
#[derive(Debug, Serialize, Deserialize)]
pub enum DivideError {
    /// The divisor is zero.
    ByZero,
}

struct Desk;

impl Calculator for Desk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn divide(&self, a: i64, b: i64) -> Result<i64, DivideError> {
        a.checked_div(b).ok_or(DivideError::ByZero)
    }

    async fn ponder(&self, seconds: u64) -> String {
        let _stopped = OnDrop(|| println!("server:       ponder({seconds}) was stopped"));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        "42".to_owned()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::embedded()?;
    let server = Server::builder(&kafka)
        .create_topics(TopicSettings::default())
        .service(CalculatorServer::new(Desk))
        .start()
        .await?;
    let client = Client::connect(&kafka).await?;
    let calc: CalculatorClient = client.attach().await?;

    println!("result:       2 + 3 = {}", calc.add(2, 3).await?);
    println!("result:       7 / 2 = {:?}", calc.divide(7, 2).await);
    println!("their error:  1 / 0 = {:?}", calc.divide(1, 0).await);

    let late = calc.ponder(60).timeout(Duration::from_millis(200)).await;
    println!("timeout:      {}", late.expect_err("a minute is too long"));

    let patience = Duration::from_millis(200);
    let given_up = tokio::time::timeout(patience, calc.ponder(3600)).await;
    println!("cancellation: gave up waiting: {}", given_up.is_err());
    while server.stats().running > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await; // the server hears of it
    }

    Ok(server.shutdown().await?)
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
