#[kafka_rpc::service]
trait T {
    async fn m(&self, #[serde(default = "nine()")] a: u8, #[serde(with = "")] b: u8);
}

fn main() {}
