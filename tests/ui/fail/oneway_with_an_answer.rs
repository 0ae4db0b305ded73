#[kafka_rpc::service]
trait T {
    #[rpc(oneway)]
    async fn m(&self) -> u8;
}

fn main() {}
