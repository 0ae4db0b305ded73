#[kafka_rpc::service(nmae = "a")]
trait T {
    #[rpc(timout = "1s")]
    async fn near(&self);
    #[rpc(retries = 3)]
    async fn far(&self);
}

fn main() {}
