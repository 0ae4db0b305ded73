#[derive(serde::Serialize, serde::Deserialize)]
struct Bare;

#[kafka_rpc::service]
trait T {
    async fn m(&self, #[serde(default)] a: Bare);
}

fn main() {}
