#[kafka_rpc::service]
trait T {
    #[rpc(name = "")]
    async fn empty(&self);
    #[rpc(name = "a\nb")]
    async fn control(&self);
}

fn main() {}
