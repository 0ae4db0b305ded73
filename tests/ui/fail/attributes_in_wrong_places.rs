#[kafka_rpc::service]
trait T {
    #[rpc(name = "limit")]
    const LIMIT: u8;
    #[serde(default)]
    async fn m(&self, a: u8);
    async fn n(#[serde(default)] &self);
}

fn main() {}
