#[kafka_rpc::service]
trait T {
    async fn m(&self, a: u8, #[serde(rename = "a")] b: u8);
}

fn main() {}
