#[kafka_rpc::service]
trait T {
    async fn m(&self, a: &mut Vec<u8>, b: &'static [u16; 2]);
}

fn main() {}
