#[kafka_rpc::service]
pub trait T {
    #[rpc(timeout = "1s" oneway)]
    async fn m(&self);
    #[rpc(oneway idempotent)]
    async fn n(&self);
}

fn main() {}
