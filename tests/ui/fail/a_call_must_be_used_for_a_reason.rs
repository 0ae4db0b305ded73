#![deny(unused_must_use)]

#[kafka_rpc::service]
pub trait T {
    #[must_use = "the number is taken"]
    async fn next(&self) -> u64;
}

pub async fn forgets(client: &TClient) {
    client.next();
    client.next().with_metadata();
    let _ = client.next().await;
}

fn main() {}
