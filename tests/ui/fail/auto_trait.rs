#[kafka_rpc::service]
auto trait T {
    async fn m(&self);
}

fn main() {}
