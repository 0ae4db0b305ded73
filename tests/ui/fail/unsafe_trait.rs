#[kafka_rpc::service]
unsafe trait T {
    async fn m(&self);
}

fn main() {}
