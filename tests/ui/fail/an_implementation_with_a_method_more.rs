#[kafka_rpc::service]
trait T {
    async fn m(&self);
}

struct Desk;

impl T for Desk {
    async fn m(&self) {}
    async fn n(&self) {}
}

fn main() {}
