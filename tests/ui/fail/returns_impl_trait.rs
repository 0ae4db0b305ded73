#[kafka_rpc::service]
trait T {
    async fn m(&self) -> impl Send;
}

fn main() {}
