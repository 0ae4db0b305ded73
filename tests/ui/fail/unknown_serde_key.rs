#[kafka_rpc::service]
trait T {
    async fn m(&self, #[serde(with = "module")] a: u8, #[cfg(all())] b: u8);
}

fn main() {}
