#[kafka_rpc::service]
trait T {
    async fn text(&self, a: str) -> str;
    async fn slice(&self, a: [u8]) -> [u8];
    async fn object(&self, a: dyn Send) -> dyn Send;
}

fn main() {}
