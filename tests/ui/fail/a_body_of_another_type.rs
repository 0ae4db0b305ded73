#[kafka_rpc::service]
trait T {
    async fn m(&self) -> u8 {
        "text"
    }
}

fn main() {}
