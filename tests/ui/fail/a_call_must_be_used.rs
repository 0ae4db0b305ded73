#![deny(unused_must_use)]

#[kafka_rpc::service]
pub trait T {
    async fn m(&self);
}

pub fn forgets(client: &TClient) {
    client.m();
}

fn main() {}
