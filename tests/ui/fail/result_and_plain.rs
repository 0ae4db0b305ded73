#[kafka_rpc::service]
trait T {
    #[rpc(result, plain)]
    async fn a(&self) -> Result<u8, u8>;
    #[rpc(oneway, result)]
    async fn b(&self);
}

fn main() {}
