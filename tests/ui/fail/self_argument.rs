#[kafka_rpc::service]
trait T {
    async fn m(&self, a: Vec<Self>);
}

fn main() {}
