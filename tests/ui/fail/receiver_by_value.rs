#[kafka_rpc::service]
trait T {
    async fn value(self);
    async fn changed(mut self);
}

fn main() {}
