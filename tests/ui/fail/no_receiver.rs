#[kafka_rpc::service]
trait T {
    async fn m(a: u8);
}

fn main() {}
