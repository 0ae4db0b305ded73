#[kafka_rpc::service]
trait T {
    async fn inferred(&self, a: _, b: Vec<_>) -> Option<_>;
    async fn never(&self, a: !);
}

fn main() {}
