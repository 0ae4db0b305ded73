#[kafka_rpc::service(version = 4294967296, name = 1, crate = path::to)]
trait T {
    async fn m(&self);
}

fn main() {}
