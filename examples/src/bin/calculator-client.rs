//! Calls the calculator that `calculator-server` serves on real Kafka.

use std::time::Duration;

use kafka_rpc::{Client, Kafka, TopicSettings};
use kafka_rpc_examples::{CalculatorClient, brokers};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(&Kafka::new(brokers()))
        .create_topics(TopicSettings::default())
        .connect()
        .await?;
    let calc: CalculatorClient = client.attach().await?;

    // The server may still be joining its group: the first call waits for it.
    let sum = calc.add(1, 2).timeout(Duration::from_secs(15)).await?;
    println!("1 + 2 = {sum}");

    let (seven, eleven) = tokio::try_join!(calc.add(3, 4), calc.add(5, 6))?;
    println!("3 + 4 = {seven} and 5 + 6 = {eleven}, at the same time");

    match calc.divide(1, 0).await {
        Ok(quotient) => println!("1 / 0 = {quotient}"),
        Err(error) => println!("1 / 0: {error}"),
    }

    let late = calc.ponder(10_000).timeout(Duration::from_millis(100));
    match late.await {
        Ok(answer) => println!("ponder: {answer}"),
        Err(error) => println!("ponder: {error}"),
    }

    calc.note("hello from the client".to_owned()).await?;

    let reply = calc.add(20, 22).with_metadata().await?;
    println!(
        "20 + 22 = {}, by server {} in {:?}",
        reply.value, reply.server, reply.times.round_trip
    );
    Ok(())
}
