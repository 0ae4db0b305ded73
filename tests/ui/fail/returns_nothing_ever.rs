#[kafka_rpc::service]
trait T {
    async fn m(&self) -> !;
}

fn main() {}
