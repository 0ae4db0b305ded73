#[kafka_rpc::service]
trait T {
    async fn m(&self, #[serde(alias = "b", renam = "c", default = 1)] a: u8);
}

fn main() {}
