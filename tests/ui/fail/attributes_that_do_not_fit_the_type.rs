#[kafka_rpc::service]
pub trait T {
    #[rpc(result)]
    async fn m(&self) -> u8;
    #[rpc(key = a)]
    async fn n(&self, a: Vec<String>);
}

fn main() {}
