#[kafka_rpc::service]
trait T {
    async fn text(&self, a: &str);
    async fn bytes(&self, a: &[u8]);
    async fn other(&self, a: Option<&String>);
}

fn main() {}
