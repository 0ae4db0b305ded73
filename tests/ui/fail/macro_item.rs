macro_rules! methods {
    () => {};
}

#[kafka_rpc::service]
trait T {
    methods!();
    async fn m(&self);
}

fn main() {}
