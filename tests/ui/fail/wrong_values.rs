#[kafka_rpc::service(version = "2")]
trait T {
    #[rpc(timeout = 5)]
    async fn number(&self);
    #[rpc(timeout)]
    async fn missing(&self);
    #[rpc(oneway = true)]
    async fn surplus(&self);
    #[rpc(idempotent, idempotent)]
    async fn twice(&self);
    #[rpc]
    async fn empty(&self);
}

fn main() {}
