#[kafka_rpc::service]
trait T {
    async fn m(&self, a: Self);
}

fn main() {}
