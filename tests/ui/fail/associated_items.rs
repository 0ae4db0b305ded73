#[kafka_rpc::service]
trait T {
    type Kind;
    const LIMIT: u8;
    async fn m(&self);
}

fn main() {}
