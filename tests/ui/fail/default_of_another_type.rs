fn wrong() -> u16 {
    1
}

#[kafka_rpc::service]
pub trait T {
    async fn m(&self, #[serde(default = "wrong")] a: u8);
}

fn main() {}
