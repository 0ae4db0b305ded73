#[kafka_rpc::service]
trait T {
    async fn named(&'a self);
    async fn known(&'static self);
    async fn both(&'a mut self);
}

fn main() {}
