#[kafka_rpc::service]
trait T {
    async fn m(&self, (a, b): (u8, u8));
}

fn main() {}
