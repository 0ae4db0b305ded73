#[kafka_rpc::service]
trait T {
    async fn name(&self);
    async fn r#name(&self);
}

fn main() {}
