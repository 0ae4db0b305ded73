#[kafka_rpc::service]
trait T {
    async fn m(&mut self);
}

fn main() {}
