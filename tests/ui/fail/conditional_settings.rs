#[kafka_rpc::service]
trait T {
    #[cfg_attr(all(), rpc(timeout = "1s"))]
    async fn a(&self);
    async fn b(&self, #[cfg_attr(all(), serde(default))] a: u8);
}

fn main() {}
