#[kafka_rpc::service]
trait T {
    async fn m(self: u8);
}

fn main() {}
