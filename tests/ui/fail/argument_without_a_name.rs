#[kafka_rpc::service]
trait T {
    async fn m(&self, _: u8);
}

fn main() {}
