#[kafka_rpc::service]
trait T {
    #[rpc(name = "same")]
    async fn a(&self);
    #[rpc(name = "same")]
    async fn b(&self);
}

fn main() {}
