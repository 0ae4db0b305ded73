#[kafka_rpc::service(compact)]
trait T {
    async fn a(&self, #[cfg(all())] a: u8, b: u8);
    async fn b(&self, #[serde(default, skip_serializing_if = "Vec::is_empty")] b: Vec<u8>);
}

fn main() {}
