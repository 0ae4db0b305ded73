struct S;

#[kafka_rpc::service]
impl S {
    async fn m(&self) {}
}

fn main() {}
