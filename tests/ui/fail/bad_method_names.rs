#[kafka_rpc::service]
trait T {
    #[rpc(name = "")]
    async fn empty(&self);
    #[rpc(name = "a\nb")]
    async fn control(&self);
    #[rpc(name = "?clock")]
    async fn reserved(&self);
}

fn main() {}
