#[kafka_rpc::service]
trait T {
    const async fn m(&self);
}

fn main() {}
