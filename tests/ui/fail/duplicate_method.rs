#[kafka_rpc::service]
trait T {
    async fn m(&self);
    async fn m(&self, a: u8);
}

fn main() {}
