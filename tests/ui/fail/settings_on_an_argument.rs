#[kafka_rpc::service]
trait T {
    async fn m(&self, #[rpc(key)] a: u8);
}

fn main() {}
