#[kafka_rpc::service]
trait T<A> {
    async fn m(&self, a: A);
}

fn main() {}
