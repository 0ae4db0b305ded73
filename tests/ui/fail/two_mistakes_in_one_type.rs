#[kafka_rpc::service]
trait T {
    async fn m(&self, pair: (&str, &[u8]));
}

fn main() {}
