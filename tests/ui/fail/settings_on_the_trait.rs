#[kafka_rpc::service]
#[rpc(timeout = "1s")]
trait T {
    async fn m(&self);
}

fn main() {}
