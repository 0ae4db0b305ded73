#[kafka_rpc::service]
trait T {
    fn m(&self, a: u8) -> impl Future<Output = Result<u8, String>> + Send;
}

fn main() {}
