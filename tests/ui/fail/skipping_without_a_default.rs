#[kafka_rpc::service]
trait T {
    async fn m(&self, #[serde(skip_serializing_if = "String::is_empty")] a: String);
}

fn main() {}
