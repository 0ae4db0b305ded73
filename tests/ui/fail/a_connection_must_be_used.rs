#![deny(unused_must_use)]

#[kafka_rpc::service]
pub trait T {
    async fn m(&self);
}

pub fn forgets(kafka: &kafka_rpc::Kafka, client: &kafka_rpc::Client) {
    kafka_rpc::Client::connect(kafka);
    client.attach::<TClient>();
}

fn main() {}
