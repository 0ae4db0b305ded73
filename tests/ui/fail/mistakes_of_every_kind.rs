#[kafka_rpc::service(version = "1")]
trait T {
    type Kind;
    #[rpc(timeout = "soon")]
    async fn timeout(&self);
    #[rpc(key = b)]
    async fn key(&self, a: u8);
    fn plain(&self);
    async fn borrowed(&self, a: &str);
    async fn receiver();
}

fn main() {}
