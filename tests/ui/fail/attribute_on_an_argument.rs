#[kafka_rpc::service]
trait T {
    async fn m(&self, #[inline] a: u8, #[serde] b: u8, #[serde(flatten)] c: u8);
}

fn main() {}
