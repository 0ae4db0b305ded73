#[kafka_rpc::service]
trait T {
    async fn a(&self);
    #[rpc(name = "a")]
    async fn b(&self);
    #[rpc(name = "a")]
    async fn c(&self);
}

fn main() {}
