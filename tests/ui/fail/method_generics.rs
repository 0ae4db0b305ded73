#[kafka_rpc::service]
trait T {
    async fn m<A>(&self, a: A);
}

fn main() {}
