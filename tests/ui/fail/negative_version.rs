#[kafka_rpc::service(version = -1)]
trait T {
    async fn m(&self);
}

fn main() {}
