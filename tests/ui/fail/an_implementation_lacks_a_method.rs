#[kafka_rpc::service]
trait T {
    async fn a(&self);
    async fn b(&self);
}

struct Desk;

impl T for Desk {
    async fn a(&self) {}
}

fn main() {}
