#[kafka_rpc::service]
trait T {
    #[rpc(retry = 3)]
    async fn m(&self);
    #[rpc(hedge = "10ms")]
    async fn n(&self);
}

fn main() {}
