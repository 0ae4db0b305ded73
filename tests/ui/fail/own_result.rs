#[derive(serde::Serialize, serde::Deserialize)]
struct Result(u8);

#[kafka_rpc::service]
trait T {
    async fn m(&self) -> Result;
}

fn main() {}
