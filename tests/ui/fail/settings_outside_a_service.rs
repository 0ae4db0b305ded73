#[kafka_rpc::rpc(timeout = "1s")]
async fn m() {}

trait T {
    #[kafka_rpc::rpc(oneway)]
    async fn m(&self);
}

struct Desk;

impl T for Desk {
    #[kafka_rpc::rpc(idempotent)]
    async fn m(&self) {}
}

fn main() {}
