#[kafka_rpc::service]
trait T {
    async fn m<const N: usize>(&self, a: [u8; N]);
}

fn main() {}
