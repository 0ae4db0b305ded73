#[kafka_rpc::service]
trait T {
    async fn m(&self, a: impl Send);
}

fn main() {}
