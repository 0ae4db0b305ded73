#[kafka_rpc::service]
trait T {
    async fn he
    async fn b(&self);
}

fn main() {}
