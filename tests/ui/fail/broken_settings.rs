#[kafka_rpc::service]
trait T {
    #[rpc(timeout "1s", oneway)]
    async fn a(&self);
    #[rpc(timeout =)]
    async fn b(&self);
    #[rpc("timeout")]
    async fn c(&self);
    #[rpc(key = a.b)]
    async fn d(&self, a: u8);
    #[rpc(timeout("1s"))]
    async fn e(&self);
    #[rpc(, oneway)]
    async fn f(&self);
}

fn main() {}
