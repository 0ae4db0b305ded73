#[kafka_rpc::service]
trait T {
    async fn m(&self)
    where
        Self: Sized;
}

fn main() {}
