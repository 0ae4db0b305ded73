#[kafka_rpc::service]
trait T {
    async fn a(&self)
    async fn b(&self);
}

fn main() {}
