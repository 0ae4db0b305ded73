#[kafka_rpc::service]
trait T {
    fn m(&self, a: Vec<u8>, b: &'static str) -> Option<(u8, u8)>;
}

fn main() {}
